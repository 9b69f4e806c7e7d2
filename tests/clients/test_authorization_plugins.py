"""The unmodified docker CLI before two authorization plugins: who is denied, what streams, and what a dead one does."""

from __future__ import annotations

import base64
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.harness.daemon import Daemon
from tests.harness.plugins import ExamplePlugin, plugin, plugin_daemon, sockets_of

pytestmark = [pytest.mark.client, pytest.mark.integration]


@dataclass
class Guarded:
    daemon: Daemon
    first: ExamplePlugin
    second: ExamplePlugin


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    if os.geteuid() != 0 or shutil.which("docker") is None:
        pytest.skip("needs root, containerd, runc and the docker CLI")
    flags = ("--authorization-plugin=first", "--authorization-plugin=second")
    daemon = plugin_daemon(*flags)
    sockets = sockets_of(daemon)
    with (
        plugin(sockets, "first", "authz") as first,
        plugin(sockets, "second", "authz") as second,
        daemon,
    ):
        daemon.load_busybox()
        yield Guarded(daemon, first, second)


@pytest.fixture(autouse=True)
def unruled(guarded: Guarded) -> Iterator[None]:
    yield
    guarded.first.allow()
    guarded.second.allow()


def refusal(daemon: Daemon, *arguments: str) -> str:
    done = daemon.docker(*arguments, timeout=60)
    assert done.returncode != 0, done.stdout.decode()
    return done.stderr.decode()


def test_path_is_denied_and_others_are_not(guarded: Guarded) -> None:
    guarded.first.deny(path="/volumes/create", msg="no volumes")
    found = refusal(guarded.daemon, "volume", "create", "never")
    assert "authorization denied by plugin first: no volumes" in found
    status, _ = guarded.daemon.request("POST", "/volumes/create", {"Name": "never"})
    assert status == 403
    assert not guarded.daemon.docker("volume", "ls", "-q", check=True).stdout
    assert guarded.daemon.json("GET", "/info")["Plugins"]["Authorization"] == ["first", "second"]


def test_body_is_shown_and_still_read_by_its_handler(guarded: Guarded) -> None:
    guarded.second.deny(path="/containers/create", body='"Privileged":true', msg="not privileged")
    run = ("run", "--rm", "--net", "none")
    found = refusal(guarded.daemon, *run, "--privileged", "busybox", "true")
    assert "authorization denied by plugin second: not privileged" in found
    done = guarded.daemon.docker(*run, "busybox", "echo", "through", check=True)
    assert done.stdout == b"through\n"
    shown = guarded.first.asked("AuthZPlugin.AuthZReq")
    bodies = [base64.b64decode(each.get("RequestBody", "")) for each in shown]
    assert any(b'"Image":"busybox"' in each for each in bodies)


def test_response_is_judged_by_the_last_plugin_first(guarded: Guarded) -> None:
    guarded.daemon.docker("volume", "create", "hidden", check=True)
    for judge in (guarded.first, guarded.second):
        judge.deny(call="AuthZRes", path="/volumes", answer="hidden", msg="not to be seen")
    found = refusal(guarded.daemon, "volume", "ls")
    assert "authorization denied by plugin second: not to be seen" in found
    guarded.first.allow()
    guarded.second.allow()
    assert guarded.daemon.docker("volume", "ls", "-q", check=True).stdout == b"hidden\n"
    guarded.daemon.docker("volume", "rm", "hidden", check=True)


def test_streams_and_large_bodies_pass_untouched(guarded: Guarded) -> None:
    text = b"x" * (3 << 20)
    run = ("run", "-i", "--rm", "--net", "none", "busybox", "wc", "-c")
    done = guarded.daemon.docker(*run, input=text, check=True)
    assert int(done.stdout) == len(text)
    labels = {f"label{each}": "y" * 1000 for each in range(1500)}
    before = len(guarded.first.asked("AuthZPlugin.AuthZReq"))
    guarded.daemon.json("POST", "/volumes/create", {"Name": "large", "Labels": labels})
    (shown,) = guarded.first.asked("AuthZPlugin.AuthZReq")[before:]
    assert "RequestBody" not in shown
    found = guarded.daemon.json("GET", "/volumes/large")
    assert found["Labels"] == labels
    guarded.daemon.docker("volume", "rm", "large", check=True)


def test_dead_one_refuses_everything_until_it_is_back(guarded: Guarded) -> None:
    guarded.second.kill()
    status, body = guarded.daemon.request("GET", "/containers/json")
    assert status == 500
    assert json.loads(body)["message"].startswith(
        'plugin second failed with error: plugin "second"'
    )
    begun = time.monotonic()
    assert "plugin second failed with error" in refusal(guarded.daemon, "ps")
    assert time.monotonic() - begun < 5
    guarded.second.start()
    deadline = time.monotonic() + 30
    while guarded.daemon.docker("ps").returncode != 0:
        assert time.monotonic() < deadline
        time.sleep(0.2)
