"""A container whose services crash too often: it is set aside and shown, its output flows, and nobody else notices."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest

from tests.harness.faulting import FaultyDaemon
from tests.harness.listeners import Bystander, Listener, stdout_of

pytestmark = pytest.mark.integration

FORGIVEN = 3


@pytest.fixture(scope="module")
def daemon() -> Iterator[FaultyDaemon]:
    with FaultyDaemon(limited=True) as daemon:
        daemon.load_busybox()
        yield daemon


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def strike(daemon: FaultyDaemon, pattern: str, provoke: Callable[[], object]) -> None:
    """One crash, and the restart after it (or none any more)."""
    daemon.arm(pattern, 1)
    provoke()
    wait_for(lambda: "restarting" not in daemon.states().values())
    assert daemon.disarm().where is not None


def test_operator_that_keeps_crashing_is_quarantined_and_the_container_is_heard(
    daemon: FaultyDaemon,
) -> None:
    bystander = Bystander(daemon)
    path = f"root/containers/{bystander.id[:12]}/operator"

    def signal() -> tuple[int, bytes]:
        return daemon.request("POST", f"/containers/{bystander.id}/kill?signal=WINCH")

    for _ in range(FORGIVEN):
        strike(daemon, path, signal)
        assert daemon.states()[path] == "running"
    strike(daemon, path, signal)
    assert daemon.states()[path] == "quarantined"
    assert "injected" in (daemon.restarts()[path][1] or "")
    status, body = signal()
    text = f"container {bystander.id[:12]} does not answer: it is quarantined"
    assert (status, json.loads(body)["message"]) == (503, text)
    bystander.wait_for_more()
    bystander.check()
    other = daemon.json("POST", "/containers/create", {"Image": "busybox", "Cmd": ["true"]})["Id"]
    daemon.json("POST", f"/containers/{other}/start")
    bystander.close()


def test_output_that_cannot_be_copied_is_discarded_and_does_not_block(daemon: FaultyDaemon) -> None:
    script = "while [ ! -e /go ]; do echo tick; sleep 0.02; done; yes | head -c 5000000; exit 3"
    body = {"Image": "busybox", "Cmd": ["sh", "-c", script]}
    container = daemon.json("POST", "/containers/create", body)["Id"]
    attached = Listener(daemon, "POST", f"/containers/{container}/attach?stream=1&stdout=1")
    daemon.json("POST", f"/containers/{container}/start")
    path = f"root/containers/{container[:12]}/output-1"
    wait_for(lambda: len(attached.data) > 0)
    for _ in range(FORGIVEN):
        strike(daemon, path, lambda: time.sleep(0.2))
    assert daemon.restarts()[path][0] == FORGIVEN
    waiting = Listener(daemon, "POST", f"/containers/{container}/wait?condition=next-exit")
    go = daemon.json("POST", f"/containers/{container}/exec", {"Cmd": ["touch", "/go"]})["Id"]
    daemon.json("POST", f"/exec/{go}/start", {"Detach": True})
    assert b'"StatusCode":3' in waiting.wait(15)
    assert set(stdout_of(attached.wait(5)).split()) == {b"tick"}
