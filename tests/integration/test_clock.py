"""The wall clock is set, an hour forth and two back, while the daemon works: nothing is lost, nothing stands still."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.harness.daemon import Daemon
from tests.harness.listeners import Bystander, Listener, stdout_of

pytestmark = pytest.mark.integration

HOUR = 3600
JUMPS = (HOUR, -HOUR)


class ShiftedDaemon(Daemon):
    module = "tests.harness.shifted"

    def start(self, *extra: str, environment: dict[str, str] | None = None) -> None:
        super().start(*extra, environment={**self.shifted(0), **(environment or {})})

    def shifted(self, ahead: int) -> dict[str, str]:
        """The environment of a daemon with such a clock."""
        self.set_clock(ahead)
        return {"TRIMARAN_CLOCK": str(self.root / "clock")}

    def set_clock(self, ahead: int) -> None:
        fresh = self.root / "clock.new"
        fresh.write_text(f"{ahead}")
        fresh.rename(self.root / "clock")


@pytest.fixture(scope="module")
def daemon() -> Iterator[ShiftedDaemon]:
    with ShiftedDaemon() as daemon:
        daemon.load_busybox()
        yield daemon


def wait_for(condition: Callable[[], object], seconds: float = 10) -> float:
    """How long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds
        time.sleep(0.05)
    return time.monotonic() - began


def events(listener: Listener) -> list[dict[str, Any]]:
    return [json.loads(line) for line in bytes(listener.data).split(b"\n")[:-1]]


@pytest.mark.parametrize("ahead", JUMPS)
def test_work_goes_on(daemon: ShiftedDaemon, ahead: int) -> None:
    daemon.set_clock(0)
    bystander = Bystander(daemon, f"bystander{ahead}")
    probed = daemon.json(
        "POST",
        f"/containers/create?name=probed{ahead}",
        {
            "Image": "busybox",
            "Cmd": ["sleep", "1000"],
            "Healthcheck": {
                "Test": ["CMD-SHELL", "test -e /well"],
                "Interval": 300_000_000,
                "StartPeriod": 1000 * 1_000_000_000,
                "Retries": 1,
            },
        },
    )["Id"]
    daemon.json("POST", f"/containers/{probed}/start")
    restarting = daemon.json(
        "POST",
        f"/containers/create?name=restarting{ahead}",
        {
            "Image": "busybox",
            "Cmd": ["sh", "-c", "sleep 0.2; exit 3"],
            "HostConfig": {"RestartPolicy": {"Name": "always"}},
        },
    )["Id"]
    daemon.json("POST", f"/containers/{restarting}/start")
    bystander.wait_for_more()

    daemon.set_clock(ahead)

    # Lines, followers and the event stream.
    bystander.wait_for_more()
    # Health checks keep their interval, and the start period its length.
    state = f"/containers/{probed}/json"
    assert daemon.json("GET", state)["State"]["Health"]["Status"] == "starting"
    time.sleep(1)
    assert daemon.json("GET", state)["State"]["Health"]["Status"] == "starting"
    subprocess.run(
        ["docker", "-H", daemon.host, "exec", probed, "touch", "/well"], check=True, timeout=20
    )
    wait_for(lambda: daemon.json("GET", state)["State"]["Health"]["Status"] == "healthy", 5)
    # The policy's restarts come at their times.
    count = daemon.json("GET", f"/containers/{restarting}/json")["RestartCount"]
    wait_for(lambda: daemon.json("GET", f"/containers/{restarting}/json")["RestartCount"] > count)
    # A stop takes as long as it was given, and what was created says so.
    assert wait_for(lambda: daemon.request("POST", f"/containers/{probed}/stop?t=1")[0]) < 5
    listed = {each["Id"]: each["Status"] for each in daemon.json("GET", "/containers/json?all=1")}
    assert listed[bystander.id].startswith("Up ")
    assert listed[probed].startswith("Exited (137)")
    daemon.json("DELETE", f"/containers/{restarting}?force=1")
    bystander.check()

    # Every event is told once, in order, to who listened and to who asks later, by number.
    told = events(bystander.events)
    again = Listener(daemon, "GET", "/events?since=seq:0")
    wait_for(lambda: len(events(again)) >= len(told))
    sequence = [(each["Action"], each["Actor"]["ID"]) for each in events(again)]
    heard = [(each["Action"], each["Actor"]["ID"]) for each in told]
    begin = sequence.index(heard[0])
    assert sequence[begin : begin + len(heard)] == heard
    again.close()
    # The log is whole, whatever its stamps say.
    lines = stdout_of(daemon.request("GET", f"/containers/{bystander.id}/logs?stdout=1")[1])
    numbers = [int(line) for line in lines.split()]
    assert numbers == list(range(1, len(numbers) + 1))
    bystander.close()
    daemon.json("DELETE", f"/containers/{bystander.id}?force=1")


@pytest.mark.parametrize("ahead", JUMPS)
def test_next_daemon_has_another_clock(daemon: ShiftedDaemon, ahead: int) -> None:
    made = daemon.json(
        "POST",
        f"/containers/create?name=kept{ahead}",
        {
            "Image": "busybox",
            "Cmd": ["sleep", "1000"],
            "HostConfig": {"RestartPolicy": {"Name": "always"}},
        },
    )["Id"]
    daemon.json("POST", f"/containers/{made}/start")
    daemon.stop()
    daemon.launch(environment=daemon.shifted(ahead))
    daemon.wait_ready()
    wait_for(lambda: daemon.json("GET", f"/containers/{made}/json")["State"]["Running"], 20)
    daemon.json("DELETE", f"/containers/{made}?force=1")
