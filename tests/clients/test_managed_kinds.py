"""One managed plugin of three kinds under the docker CLI: volumes, logs (also as the daemon's default), authorization."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.daemon import Daemon
from tests.harness.managed import plugin_context
from tests.harness.plugins import ExamplePlugin, plugin_daemon, sockets_of

pytestmark = [pytest.mark.client, pytest.mark.integration]

TYPES = ["docker.volumedriver/1.0", "docker.logdriver/1.0", "docker.authz/1.0"]
NAME = "me/all"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    if os.geteuid() != 0 or shutil.which("docker") is None:
        pytest.skip("needs root, containerd, runc and the docker CLI")
    place = tmp_path_factory.mktemp("kinds")
    context = plugin_context(place, interface={"types": TYPES, "socket": "mini.sock"})
    with plugin_daemon() as found:
        found.load_busybox()
        found.docker("plugin", "create", NAME, str(context), check=True)
        found.docker("plugin", "enable", NAME, check=True)
        yield found


def configured(daemon: Daemon, **config: Any) -> None:
    """Start it again with this daemon.json."""
    (daemon.root / "daemon.json").write_text(json.dumps(config))
    daemon.stop()
    daemon.start()
    until_it_listens(daemon)


def until_it_listens(daemon: Daemon) -> None:
    deadline = time.monotonic() + 30
    while daemon.docker("volume", "create", "-d", NAME, "probe").returncode != 0:
        assert time.monotonic() < deadline, daemon.tail()
        time.sleep(0.1)
    daemon.docker("volume", "rm", "probe", check=True)


def until_logged(daemon: Daemon, text: bytes) -> None:
    (log,) = (daemon.root / "data/plugins").glob("*/propagated-mount")
    deadline = time.monotonic() + 30
    while not (log / "log").exists() or text not in (log / "log").read_bytes():
        assert time.monotonic() < deadline, daemon.tail()
        time.sleep(0.05)


def run(daemon: Daemon, *arguments: str) -> None:
    daemon.docker("run", "--net", "none", *arguments, check=True)


def test_lines_go_to_a_managed_plugin_which_is_in_use_meanwhile(daemon: Daemon) -> None:
    script = "echo to the plugin; sleep 600"
    run(daemon, "-d", "--name", "talker", "--log-driver", NAME, "busybox", "sh", "-c", script)
    until_logged(daemon, b"to the plugin")
    refused = daemon.docker("plugin", "disable", NAME)
    assert b"plugin me/all:latest is in use" in refused.stderr
    daemon.docker("rm", "-f", "talker", check=True)
    daemon.docker("plugin", "disable", NAME, check=True)
    daemon.docker("plugin", "enable", NAME, check=True)


def test_managed_plugin_is_the_default_log_driver(daemon: Daemon) -> None:
    configured(daemon, **{"log-driver": NAME})
    assert daemon.json("GET", "/info")["LoggingDriver"] == NAME
    run(daemon, "--rm", "busybox", "echo", "by default")
    until_logged(daemon, b"by default")
    run(daemon, "--rm", "--log-driver", "json-file", "busybox", "true")


def test_plugin_behind_a_socket_is_the_default_log_driver_and_may_be_away_at_the_start(
    daemon: Daemon,
) -> None:
    scribe = ExamplePlugin(sockets_of(daemon), "scribe", "LogDriver")
    scribe.start()
    scribe.kill()
    try:
        configured(daemon, **{"log-driver": "scribe", "log-opts": {"a": "b"}})
        scribe.start()
        run(daemon, "--rm", "busybox", "echo", "x")
        deadline = time.monotonic() + 30
        while not scribe.asked("LogDriver.StartLogging"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        (info,) = [each["Info"] for each in scribe.asked("LogDriver.StartLogging")]
        assert info["Config"] == {"a": "b"}
    finally:
        scribe.kill()


def test_container_that_needs_a_plugin_comes_back_after_a_restart(daemon: Daemon) -> None:
    options = (
        "-d",
        "--restart=always",
        "--name",
        "kept",
        "--stop-signal=KILL",
        "--log-driver",
        NAME,
    )
    volume = ("-v", "data:/data", "--volume-driver", NAME)
    run(daemon, *options, *volume, "busybox", "sleep", "600")
    configured(daemon)
    deadline = time.monotonic() + 30
    while not daemon.json("GET", "/containers/kept/json")["State"]["Running"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    daemon.docker("exec", "kept", "touch", "/data/file", check=True)
    daemon.docker("rm", "-f", "kept", check=True)
    daemon.docker("volume", "rm", "data", check=True)


def test_default_log_driver_that_is_nowhere_is_refused_at_the_start(daemon: Daemon) -> None:
    daemon.stop()
    (daemon.root / "daemon.json").write_text('{"log-driver": "nobody"}')
    try:
        daemon.launch()
        assert daemon.process is not None
        assert daemon.process.wait(60) != 0
        text = 'failed to set log opts: error looking up logging plugin nobody: plugin "nobody" not found'
        assert text in daemon.tail()
    finally:
        (daemon.root / "daemon.json").write_text("{}")
        daemon.start()


def test_managed_plugin_authorizes(daemon: Daemon) -> None:
    (daemon.root / "daemon.json").write_text(json.dumps({"authorization-plugins": [NAME]}))
    daemon.stop()
    daemon.launch()  # until the plugin is up, nobody may ask anything
    until_it_listens(daemon)
    refused = daemon.docker("volume", "inspect", "forbidden")
    assert b"authorization denied by plugin me/all: not that" in refused.stderr
    daemon.docker("volume", "ls", check=True)
