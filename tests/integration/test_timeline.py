"""Why did it stop: each cause provoked on a real daemon and read back, also after removals and restarts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.harness.daemon import Daemon, running_daemon

pytestmark = pytest.mark.integration

PATIENCE = 30.0
LATE = ("--restart", "on-failure", "-p", "10.76.0.1:8080:80")
FOREVER = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running_daemon() as daemon:
        yield daemon


def timeline(daemon: Daemon, name: str) -> dict[str, Any]:
    found: dict[str, Any] = daemon.json("GET", f"/_trimaran/containers/{name}/timeline")
    return found


def wait_for(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def ends(daemon: Daemon, name: str) -> list[dict[str, Any]]:
    return [each for each in timeline(daemon, name)["entries"] if each["action"] == "die"]


def run(daemon: Daemon, name: str, *words: str) -> None:
    daemon.docker("run", "-d", "--name", name, *words, check=True)


def test_each_end_has_its_cause(daemon: Daemon) -> None:
    run(daemon, "byitself", "busybox", "sh", "-c", "exit 3")
    run(daemon, "stopped", "busybox", *FOREVER)
    daemon.docker("stop", "stopped", check=True)
    run(daemon, "killed", "busybox", *FOREVER)
    daemon.docker("kill", "killed", check=True)
    sick = (
        "--label",
        "trimaran.on-unhealthy=stop",
        "--health-cmd",
        "false",
        "--health-interval",
        "100ms",
        "--health-retries",
        "1",
    )
    run(daemon, "sick", *sick, "busybox", *FOREVER)
    run(daemon, "lender", "busybox", *FOREVER)
    run(daemon, "lodger", "--pid", "container:lender", "busybox", "sleep", "600")
    daemon.docker("kill", "lender", check=True)
    greedy = "x=a; while :; do x=$x$x; done"
    run(daemon, "greedy", "--memory", "8m", "busybox", "sh", "-c", greedy)
    expected = {
        "byitself": ("exit", "", "3"),
        "stopped": ("api", "uid 0", "0"),
        "killed": ("api", "uid 0", "137"),
        "sick": ("unhealthy", "", "0"),
        "lender": ("api", "uid 0", "137"),
        "lodger": ("dependency", "", "137"),
        "greedy": ("oom", "", "137"),
    }
    for name in expected:
        wait_for(lambda name=name: ends(daemon, name))
    logs = ends(daemon, "byitself")[0]["logs"]
    assert daemon.request("GET", logs)[0] == 200
    assert {name: told(daemon, name) for name in expected} == expected
    daemon.docker("rm", "-f", *expected, check=True)
    daemon.stop()
    daemon.start()
    assert {name: told(daemon, name) for name in expected} == expected


def told(daemon: Daemon, name: str) -> tuple[str, str, str]:
    """Why it ended, by whom, with which code."""
    (end,) = ends(daemon, name)
    return end["cause"], end.get("by", ""), end["attributes"]["exitCode"]


def test_restarts_tell_their_policy(daemon: Daemon) -> None:
    run(daemon, "looping", "--restart", "on-failure:2", "busybox", "false")
    wait_for(lambda: len(ends(daemon, "looping")) == 3)
    expected = [
        ("api", {}),
        ("restart-policy", {"attempt": "1", "delay": "0.1"}),
        ("restart-policy", {"attempt": "2", "delay": "0.2"}),
    ]
    assert starts(daemon, "looping") == expected
    daemon.docker("run", "-d", "--name", "retried", *LATE, "busybox", "true")
    daemon.inside("ip", "addr", "add", "10.76.0.1/32", "dev", "lo")
    wait_for(lambda: ends(daemon, "retried"))
    assert [cause for cause, _ in starts(daemon, "retried")] == ["start-retry"]
    daemon.docker("rm", "-f", "looping", "retried", check=True)
    daemon.kill()
    daemon.start()
    assert starts(daemon, "looping") == expected
    assert [cause for cause, _ in starts(daemon, "retried")] == ["start-retry"]


def starts(daemon: Daemon, name: str) -> list[tuple[str, dict[str, str]]]:
    entries = timeline(daemon, name)["entries"]
    return [
        (each["cause"], each.get("attributes", {})) for each in entries if each["action"] == "start"
    ]


def test_causes_outlive_the_container_and_the_daemon(daemon: Daemon) -> None:
    run(daemon, "brief", "busybox", "sh", "-c", "exit 7")
    run(daemon, "living", "--restart", "always", "busybox", *FOREVER)
    wait_for(lambda: ends(daemon, "brief"))
    id = timeline(daemon, "brief")["id"]
    daemon.docker("rm", "brief", check=True)
    daemon.stop()
    daemon.start()
    for reference in ("brief", id, id[:12]):
        found = timeline(daemon, reference)
        assert (found["id"], found["removed"]) == (id, True)
        assert [each["action"] for each in found["entries"]] == [
            "create",
            "start",
            "die",
            "destroy",
        ]
        assert found["entries"][2]["attributes"]["exitCode"] == "7"
        assert "logs" not in found["entries"][2]
    wait_for(lambda: timeline(daemon, "living")["entries"][-1]["action"] == "start")
    entries = timeline(daemon, "living")["entries"]
    assert [each["cause"] for each in entries if each["action"] == "die"] == ["daemon-shutdown"]
    assert entries[-1]["cause"] == "daemon-start"
    daemon.docker("rm", "-f", "living", check=True)
    assert ends(daemon, "living")[-1]["cause"] == "api"


def test_timeline_outlives_the_event_log(daemon: Daemon) -> None:
    run(daemon, "old", "busybox", "true")
    wait_for(lambda: ends(daemon, "old"))
    daemon.docker("rm", "old", check=True)
    daemon.stop()
    daemon.start("--events-retention", "count=1")
    wait_for(
        lambda: b'"die"' not in daemon.request("GET", f"/events?since=1&until={time.time():.3f}")[1]
    )
    assert ends(daemon, "old")[0]["cause"] == "exit"
    daemon.docker("volume", "create", "newer", check=True)  # the one event that is left
    daemon.stop()
    daemon.start("--events-retention", "count=1", "--timeline-retention", "0s")
    wait_for(lambda: daemon.request("GET", "/_trimaran/containers/old/timeline")[0] == 404)
