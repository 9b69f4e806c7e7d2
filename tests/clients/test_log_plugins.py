"""The unmodified docker CLI with a log driver that is a plugin."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.daemon import Daemon
from tests.harness.plugins import ExamplePlugin, plugin_daemon, sockets_of

pytestmark = [pytest.mark.client, pytest.mark.integration]


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    if os.geteuid() != 0 or shutil.which("docker") is None:
        pytest.skip("needs root, containerd, runc and the docker CLI")
    with plugin_daemon() as found:
        found.load_busybox()
        yield found


@pytest.fixture(scope="module")
def scribe(daemon: Daemon) -> Iterator[ExamplePlugin]:
    found = ExamplePlugin(sockets_of(daemon), "scribe", "LogDriver")
    found.start()
    yield found
    found.kill()


def written(scribe: ExamplePlugin, *texts: str) -> list[list[Any]]:
    """Its lines, once these have come."""
    deadline = time.monotonic() + 30
    while True:
        path = scribe.directory / "log"
        lines = (
            [json.loads(each) for each in path.read_text().splitlines()] if path.exists() else []
        )
        if set(texts) <= {line[2] for line in lines}:
            return lines
        assert time.monotonic() < deadline, lines
        time.sleep(0.05)


def test_lines_reach_the_plugin_and_are_still_read_here(
    daemon: Daemon, scribe: ExamplePlugin
) -> None:
    script = "echo out; echo err >&2; head -c 20000 /dev/zero | tr '\\0' x; echo"
    options = ("--name", "talker", "--net", "none", "--log-driver", "scribe", "--log-opt", "a=b")
    daemon.docker("run", *options, "busybox", "sh", "-c", script, check=True)
    lines = written(scribe, "out", "err")
    deadline = time.monotonic() + 30
    while sum(len(line[2]) for line in written(scribe)) < 20006:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    lines = written(scribe, "out", "err")
    assert {line[2]: line[0] for line in lines}["err"] == "stderr"
    assert [line[3] for line in lines if line[2].startswith("x")] == [True, True]
    (info,) = [each["Info"] for each in scribe.asked("LogDriver.StartLogging")]
    assert (info["ContainerName"], info["Config"]) == ("/talker", {"a": "b"})
    assert b"out\n" in daemon.docker("logs", "talker", check=True).stdout
    deadline = time.monotonic() + 30
    while not scribe.asked("LogDriver.StopLogging"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "scribe" in daemon.json("GET", "/info")["Plugins"]["Log"]
    daemon.docker("rm", "talker", check=True)


def test_missing_driver_has_dockerds_words(daemon: Daemon) -> None:
    done = daemon.docker("run", "--log-driver", "nobody", "busybox", "true")
    assert done.returncode == 125
    text = 'error looking up logging plugin nobody: plugin "nobody" not found'
    assert text in done.stderr.decode()


def test_killed_plugin_keeps_no_container_and_gets_what_it_missed(
    daemon: Daemon, scribe: ExamplePlugin
) -> None:
    script = "echo first; while [ ! -e /go ]; do sleep 0.1; done; echo second; sleep 600"
    options = ("--name", "patient", "--net", "none", "--log-driver", "scribe")
    daemon.docker("run", "-d", *options, "busybox", "sh", "-c", script, check=True)
    written(scribe, "first")
    scribe.kill()
    daemon.docker("exec", "patient", "touch", "/go", check=True)
    deadline = time.monotonic() + 30
    while b"second" not in daemon.docker("logs", "patient", check=True).stdout:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    scribe.start()
    written(scribe, "second")
    daemon.docker("rm", "-f", "patient", check=True)
