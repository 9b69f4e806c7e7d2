"""Health probes under a real clock: when they come, what they cost, and that nothing of them stays."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

from tests.clients.test_daemon_restart import until
from tests.harness.daemon import Daemon, UnixConnection, processes_of, running_daemon
from tests.harness.soaking import sample

pytestmark = pytest.mark.integration

EXACT = 0.1
"""Seconds by which a time may be missed; the best of several counts, for a machine that is busy."""
WATCHED = 5.0
COST = 0.05
"""Of a core, for a hundred containers that are looked at as often as by default."""
DEFAULT_INTERVAL = 30.0
CROWD = 8
FREEZES = 15
WARM, PROBES = 300, int(os.environ.get("PROBES", "100000"))
GROWTH = 8 << 20
METRICS = "--metrics-addr=127.0.0.1:9323"


class Seen(NamedTuple):
    """Seconds since the epoch."""

    start: float
    end: float
    code: int

    @property
    def took(self) -> float:
        return self.end - self.start


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running_daemon(METRICS) as daemon:
        yield daemon


def run(daemon: Daemon, name: str, check: str, **times: str) -> None:
    options = [f"--health-{key.replace('_', '-')}={value}" for key, value in times.items()]
    words = ("run", "-d", "--name", name, "--net", "none", "--health-cmd", check, *options)
    daemon.docker(*words, "busybox", "sleep", "3600", check=True)


def state(daemon: Daemon, name: str) -> dict[str, Any]:
    found: dict[str, Any] = daemon.json("GET", f"/containers/{name}/json")["State"]
    return found


def seconds(text: str) -> float:
    """Of a time with nanoseconds."""
    whole, _, rest = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{rest or 0}")


def watched(daemon: Daemon, *names: str) -> dict[str, list[Seen]]:
    """All that they were asked in a while; inspect keeps the last five."""
    found: dict[str, dict[float, Seen]] = {name: {} for name in names}
    deadline = time.monotonic() + WATCHED
    while time.monotonic() < deadline:
        for name in names:
            for each in state(daemon, name)["Health"]["Log"] or ():
                seen = Seen(seconds(each["Start"]), seconds(each["End"]), each["ExitCode"])
                found[name][seen.start] = seen
        time.sleep(0.1)
    return {name: [known[at] for at in sorted(known)] for name, known in found.items()}


def pauses(seen: list[Seen]) -> list[float]:
    return [after.start - before.end for before, after in itertools.pairwise(seen)]


def told(daemon: Daemon, name: str) -> list[tuple[str, float]]:
    """What was told of its health, and when."""
    query = quote(json.dumps({"container": [name]}))
    _, body = daemon.request("GET", f"/events?since=1&until={time.time():.3f}&filters={query}")
    found = [json.loads(line) for line in body.splitlines() if b"health_status" in line]
    return [(each["Action"], each["timeNano"] / 1e9) for each in found]


def test_each_time_is_kept_to_a_tenth_of_a_second(daemon: Daemon) -> None:
    run(daemon, "interval", "true", interval="700ms")
    run(daemon, "timeout", "sleep 60", interval="300ms", timeout="800ms", retries="9")
    run(
        daemon, "starting", "false",
        start_period="2s", start_interval="300ms", interval="900ms", retries="2",
    )  # fmt: skip
    seen = watched(daemon, "interval", "timeout", "starting")
    _check_pauses(pauses(seen["interval"]), 0.7)
    _check_pauses(pauses(seen["timeout"]), 0.3)
    own = min(each.took for each in seen["interval"])
    lasted = [each.took for each in seen["timeout"]]
    assert {each.code for each in seen["timeout"]} == {-1}
    # Its start is not counted, and it is killed, which is a run of runc more.
    assert 0.8 <= min(lasted) <= 0.8 + 2 * own + EXACT, (lasted, own)
    _check_start(daemon, seen["starting"])
    daemon.docker("rm", "-f", "interval", "timeout", "starting", check=True)


def _check_pauses(found: list[float], nominal: float) -> None:
    assert len(found) >= 2, found
    assert nominal - 0.01 <= min(found) <= nominal + EXACT, (nominal, found)


def _check_start(daemon: Daemon, seen: list[Seen]) -> None:
    """Looked at more often, and forgiven, until the period is over; then as often as there are retries."""
    began = seconds(state(daemon, "starting")["StartedAt"])
    forgiven = [each for each in seen if each.start - began < 2]
    counted = seen[len(forgiven) :]
    assert len(forgiven) >= 3
    _check_pauses(pauses(forgiven), 0.3)
    _check_pauses(pauses(counted), 0.9)
    ((action, at),) = told(daemon, "starting")
    assert action == "health_status: unhealthy"
    assert counted[1].end <= at <= counted[1].end + EXACT


def test_pause_meets_no_probe_half_way_in(daemon: Daemon) -> None:
    """Nor an exec: frozen there, they would keep the container from ever being thawed."""
    run(daemon, "frozen", "true", interval="30ms", retries="1")
    until(lambda: state(daemon, "frozen")["Health"]["Status"] == "healthy")
    for _ in range(FREEZES):
        with subprocess.Popen(
            ["docker", "-H", daemon.host, "exec", "frozen", "true"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ):
            time.sleep(0.06)
            for action in ("pause", "unpause"):
                daemon.json("POST", f"/containers/frozen/{action}")
    assert [action for action, _ in told(daemon, "frozen")] == ["health_status: healthy"]
    daemon.docker("rm", "-f", "frozen", check=True)


def processor_seconds(pid: int) -> float:
    """Of a process alone."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def probes(daemon: Daemon) -> int:
    """All that were ever made, by the daemon's own count."""
    connection = UnixConnection(str(daemon.root / "exec" / "metrics.sock"))
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    finally:
        connection.close()
    found = re.search(r"^engine_daemon_health_checks_total (\S+)$", text, re.MULTILINE)
    assert found is not None
    return int(float(found[1]))


def crowd(daemon: Daemon, interval: str) -> list[str]:
    names = [f"asked-{number}" for number in range(CROWD)]
    for name in names:
        run(daemon, name, "true", interval=interval)
    return names


def until_probed(daemon: Daemon, count: int) -> None:
    while probes(daemon) < count:
        time.sleep(0.5)


def test_daemons_part_of_a_hundred_containers_probes_is_small(daemon: Daemon) -> None:
    """containerd, its shims and runc come on top, and cost what they cost any engine that probes by exec."""
    assert daemon.process is not None
    names = crowd(daemon, "200ms")
    first, spent = probes(daemon), processor_seconds(daemon.process.pid)
    until_probed(daemon, first + 100)
    made = probes(daemon) - first
    spent = processor_seconds(daemon.process.pid) - spent
    share = spent / made * 100 / DEFAULT_INTERVAL
    print(f"\n{1000 * spent / made:.1f} ms a probe, {share:.2%} of a core")
    assert share < COST
    daemon.docker("rm", "-f", *names, check=True)


def held(daemon: Daemon) -> dict[str, int]:
    """Descriptors of the daemon and of its containerd and shims, and what lies in its directories."""
    assert daemon.process is not None
    pids = [daemon.process.pid, *processes_of(str(daemon.root))]
    return {
        "descriptors": sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids),
        "processes": len(pids),
        "files": sum(len(files) for _, _, files in os.walk(daemon.root / "exec")),
    }


@pytest.mark.torture
def test_nothing_grows_with_the_probes() -> None:
    with running_daemon(METRICS) as daemon:
        assert daemon.process is not None
        names = crowd(daemon, "100ms")
        until_probed(daemon, WARM)
        paused(daemon, names)
        before, resident = held(daemon), sample(daemon.process.pid, 0).resident
        daemon.docker("unpause", *names, check=True)
        until_probed(daemon, PROBES)
        paused(daemon, names)
        after, grown = held(daemon), sample(daemon.process.pid, 0).resident - resident
        print(f"\n{probes(daemon)} probes, {grown / 2**20:.1f} MB, {before} {after}")
        for each in ("descriptors", "processes", "files"):
            assert after[each] <= before[each] + CROWD, (before, after)
        assert grown < GROWTH


def paused(daemon: Daemon, names: list[str]) -> None:
    """Nobody is probed, and the last probes are over."""
    daemon.docker("pause", *names, check=True)
    time.sleep(3)
