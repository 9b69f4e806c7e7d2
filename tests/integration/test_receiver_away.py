"""A log's receiver that is away for long: the container's speed, the lines' order, and what is counted as dropped."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.clients.test_daemon_restart import until
from tests.harness import logreceivers
from tests.harness.daemon import Daemon, running_daemon
from tests.harness.logreceivers import Receiver

pytestmark = pytest.mark.integration

RATE = 10_000
"""Lines in a second of simulated time: they are printed as fast as the engine takes them, which is harder."""
SIZE = ("max-size=1m", "max-file=5")
SLOWER = 1.1


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running_daemon() as daemon:
        yield daemon


def unused(daemon: Daemon) -> int:
    with logreceivers.tcp(daemon.name) as made:
        return int(made.getsockname()[1])


def printed(daemon: Daemon, name: str, count: int, *options: str) -> float:
    """Seconds from the container's start to its end, by the engine's own clock."""
    words = ("run", "--name", name, "-d", "--net", "none", *options, "busybox", "seq", str(count))
    daemon.docker(*words, check=True)
    daemon.docker("wait", name, check=True, timeout=400)
    state = daemon.json("GET", f"/containers/{name}/json")["State"]
    began, ended = (
        datetime.fromisoformat(state[each][:26] + "+00:00") for each in ("StartedAt", "FinishedAt")
    )
    return (ended - began).total_seconds()


def away(port: int, cache: tuple[str, ...]) -> tuple[str, ...]:
    address = f"syslog-address=tcp://127.0.0.1:{port}"
    limits = [f"--log-opt=cache-{each}" for each in cache]
    return ("--log-driver", "syslog", "--log-opt", address, *limits)


def report(daemon: Daemon, name: str) -> Any:
    return daemon.json("GET", f"/_trimaran/containers/{name}/log")


def delivered(daemon: Daemon, name: str, port: int, count: int) -> None:
    """The receiver comes: what was kept arrives in order and whole, and what was not is counted."""
    dropped = report(daemon, name)["Dropped"]
    with Receiver(logreceivers.tcp(daemon.name, port), logreceivers.syslog) as receiver:
        texts = receiver.wait(count - dropped, 120)
    assert texts == [str(number) for number in range(dropped + 1, count + 1)]
    until(lambda: report(daemon, name)["SpooledLines"] == 0, 15)
    known = report(daemon, name)
    assert (known["Delivered"], known["Dropped"]) == (count - dropped, dropped)


def test_a_minute_without_its_receiver(daemon: Daemon) -> None:
    count = 60 * RATE
    port = unused(daemon)
    printed(daemon, "minute", count, *away(port, SIZE))
    known = report(daemon, "minute")
    assert 0 < known["Dropped"] < count
    assert known["SpooledLines"] == count - known["Dropped"]
    assert known["SpooledBytes"] <= 5 * 2**20
    assert not known["Connected"]
    delivered(daemon, "minute", port, count)
    daemon.docker("rm", "minute", check=True)


@pytest.mark.torture
def test_an_hour_without_its_receiver_costs_the_container_no_speed(daemon: Daemon) -> None:
    """In turns with a log of the same limits that nobody receives; their medians are compared."""
    rounds = 6
    count = 3600 * RATE // rounds
    cache = ("max-size=20m", "max-file=5")
    plain = [f"--log-opt={each}" for each in cache]
    ports = [unused(daemon) for _ in range(rounds)]
    alone: list[float] = []
    missed: list[float] = []
    printed(daemon, "warm", count // 10, *plain)
    for number, port in enumerate(ports):
        turns = [
            lambda number=number: alone.append(printed(daemon, f"alone-{number}", count, *plain)),
            lambda number=number, port=port: missed.append(
                printed(daemon, f"missed-{number}", count, *away(port, cache))
            ),
        ]
        for turn in turns if number % 2 == 0 else reversed(turns):
            turn()
    ratio = statistics.median(missed) / statistics.median(alone)
    print(f"\nreceiver away {missed}, nobody to receive {alone}: {ratio:.3f}")
    for number, port in enumerate(ports):
        delivered(daemon, f"missed-{number}", port, count)
    assert ratio <= SLOWER, (alone, missed)
