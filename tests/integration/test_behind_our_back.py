"""What others do to containers in containerd or on the host is seen, and right, within seconds."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.harness.daemon import Daemon, processes_of

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, containerd and runc"),
]

LIMIT = 20.0
"""Seconds; 5 are promised, and the machine may be busy."""


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with Daemon() as running:
        running.load_busybox()
        yield running


def run(daemon: Daemon, name: str) -> dict[str, Any]:
    body = {"Image": "busybox", "Cmd": ["sleep", "1000"], "StopSignal": "SIGKILL"}
    daemon.json("POST", f"/containers/create?name={name}", body)
    daemon.json("POST", f"/containers/{name}/start")
    found: dict[str, Any] = daemon.json("GET", f"/containers/{name}/json")
    return found


def ctr(daemon: Daemon, *words: str) -> None:
    socket = f"{daemon.root}/exec/containerd/containerd.sock"
    daemon.inside("ctr", "-a", socket, "-n", "trimaran", *words, capture_output=True, timeout=30)


def shim_of(daemon: Daemon, container: str) -> int:
    for pid in processes_of(str(daemon.root)):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"shim" in words[0] and container.encode() in words:
            return pid
    raise AssertionError("the container has no shim")


def containerd_of(daemon: Daemon) -> int:
    for pid in processes_of(str(daemon.root)):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if words[0].endswith(b"containerd"):
            return pid
    raise AssertionError("there is no containerd")


def check_ended(daemon: Daemon, container: dict[str, Any], code: int) -> None:
    """It has ended, the events say so once, and it can be started and removed."""
    id_ = container["Id"]
    deadline = time.monotonic() + LIMIT
    while (state := daemon.json("GET", f"/containers/{id_}/json")["State"])["Running"]:
        assert time.monotonic() < deadline, state
        time.sleep(0.05)
    assert (state["Status"], state["ExitCode"]) == ("exited", code), state
    filters = quote(json.dumps({"container": [id_], "event": ["die"]}))
    _, body = daemon.request("GET", f"/events?since=1&until={time.time()}&filters={filters}")
    died = [json.loads(line)["Actor"]["Attributes"]["exitCode"] for line in body.splitlines()]
    assert died == [str(code)]
    daemon.json("POST", f"/containers/{id_}/start")
    assert daemon.json("GET", f"/containers/{id_}/json")["State"]["Running"]
    daemon.json("DELETE", f"/containers/{id_}?force=1")


def test_task_killed_in_containerd(daemon: Daemon) -> None:
    container = run(daemon, "tasked")
    ctr(daemon, "tasks", "kill", "-s", "SIGKILL", container["Id"])
    check_ended(daemon, container, 137)


def test_init_killed_on_the_host(daemon: Daemon) -> None:
    container = run(daemon, "inited")
    os.kill(container["State"]["Pid"], signal.SIGKILL)
    check_ended(daemon, container, 137)


def test_shim_killed_on_the_host(daemon: Daemon) -> None:
    container = run(daemon, "shimmed")
    os.kill(shim_of(daemon, container["Id"]), signal.SIGKILL)
    check_ended(daemon, container, 137)


def test_container_that_ends_while_containerd_is_away(daemon: Daemon) -> None:
    """containerd is killed, and comes back by the daemon's doing; who has run on runs on."""
    container, bystander = run(daemon, "absent"), run(daemon, "bystander")
    os.kill(containerd_of(daemon), signal.SIGKILL)
    os.kill(container["State"]["Pid"], signal.SIGKILL)
    check_ended(daemon, container, 137)
    after = daemon.json("GET", "/containers/bystander/json")["State"]
    assert (after["Running"], after["Pid"]) == (True, bystander["State"]["Pid"])
    daemon.json("DELETE", "/containers/bystander?force=1")


def test_containerd_that_hangs_is_an_outage_and_no_exit(daemon: Daemon) -> None:
    """Stopped by a signal: reads go on, nothing is concluded, and afterwards all is as before."""
    container = run(daemon, "frozen")
    pid = containerd_of(daemon)
    os.kill(pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        for _ in range(5):
            state = daemon.json("GET", f"/containers/{container['Id']}/json")["State"]
            assert state["Running"]
            assert daemon.request("GET", "/containers/json")[0] == 200
        assert time.monotonic() - begun < LIMIT
    finally:
        os.kill(pid, signal.SIGCONT)
    assert daemon.docker("exec", "frozen", "echo", "here", check=True).stdout == b"here\n"
    state = daemon.json("GET", f"/containers/{container['Id']}/json")["State"]
    assert state["Pid"] == container["State"]["Pid"]
    daemon.json("DELETE", "/containers/frozen?force=1")
