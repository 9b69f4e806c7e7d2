"""Five hundred containers: what operators and their tools ask is answered at once, whatever containerd does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.harness.deeds import wait_for
from tests.harness.faulting import FaultyDaemon
from tests.integration.test_metrics import by_container, scrape
from tests.integration.test_operators import (
    AT_ONCE,
    answers,
    ask_all,
    containerd,
    health,
    run,
    standing_still,
)
from tests.integration.test_responsiveness import HOLD_LIMIT, WAIT_LIMIT, pings

pytestmark = pytest.mark.integration

ALL = 500
SCRAPED_WITHIN = 0.5
SCRAPES = 3
LIVELY = 10
"""So many run in the suite's form of this, where the others were only created."""


def populate(daemon: FaultyDaemon, running: int) -> None:
    def make(number: int) -> None:
        if number < running:
            run(daemon, f"running-{number}")
        else:
            daemon.json("POST", f"/containers/create?name=made-{number}", {"Image": "busybox"})

    daemon.load_busybox()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make, range(ALL)))


@pytest.fixture(scope="module")
def daemon() -> Iterator[FaultyDaemon]:
    with FaultyDaemon("--live-restore") as daemon:
        populate(daemon, LIVELY)
        yield daemon


@pytest.fixture(scope="module")
def full() -> Iterator[FaultyDaemon]:
    with FaultyDaemon("--live-restore") as daemon:
        populate(daemon, ALL)
        yield daemon


def processor(daemon: FaultyDaemon) -> tuple[float, float]:
    """The seconds for which the daemon's threads, and this process's, have computed, and waited to do so."""
    assert daemon.process is not None
    ran = waited = 0
    for pid in (str(daemon.process.pid), "self"):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                one = (thread / "schedstat").read_text().split()
                ran, waited = ran + int(one[0]), waited + int(one[1])
    return ran / 1e9, waited / 1e9


def timed(daemon: FaultyDaemon, running: int) -> tuple[float, float]:
    """The seconds of a scrape, and of those the daemon's own: without waits for a processor, which on a
    shared machine others decide, and never less than was computed."""
    before, began = processor(daemon), time.perf_counter()
    text = scrape(daemon)
    wall, after = time.perf_counter() - began, processor(daemon)
    found = by_container(text)
    assert len(found) == ALL
    read = [each for each in found.values() if "trimaran_container_memory_bytes" in each]
    assert len(read) == running
    time.sleep(1.0)  # longer than readings are kept
    return round(wall, 3), round(max(after[0] - before[0], wall - after[1] + before[1]), 3)


def scrapes(daemon: FaultyDaemon, running: int) -> dict[str, Any]:
    """What some scrapes take, and how they hold the loop and a client's pings up."""
    took = [timed(daemon, running) for _ in range(SCRAPES)]
    with ThreadPoolExecutor(1) as beside, daemon.measuring(HOLD_LIMIT) as measured:
        pinged = beside.submit(pings, daemon, 100)
        while not pinged.done():
            timed(daemon, running)
    return {"took": took, "held": measured["held"], "slowest ping": pinged.result()[-1]}


def check_scrapes(found: dict[str, Any]) -> None:
    print(found)
    assert min(own for _, own in found["took"]) < SCRAPED_WITHIN, found
    held = [each for each in found["held"] if each["cpu"] > HOLD_LIMIT or each["held"] > WAIT_LIMIT]
    assert held == []


def check_outage(daemon: FaultyDaemon) -> None:
    """containerd stands still, and the daemon finds that out meanwhile."""
    with standing_still(containerd(daemon)):
        took = ask_all(daemon, "running-1")
        wait_for(lambda: health(daemon)[0] == 503, "the outage shows", 30)
        later = ask_all(daemon, "running-1")
    print(took, later)
    assert max(took.values()) < AT_ONCE, took
    assert max(later.values()) < AT_ONCE, later
    wait_for(lambda: health(daemon)[0] == 200, "all is well again", 60)


def check_restore(daemon: FaultyDaemon, running: int) -> None:
    """It cannot come to its end while containerd stands still, and is told by then."""
    daemon.kill()
    with standing_still(containerd(daemon)):
        daemon.launch()
        wait_for(lambda: answers(daemon.socket), "the API listens", 60)
        took = ask_all(daemon, "running-1")
        state, found = health(daemon)
        assert (state, found["started"]) == (503, False)
        assert (found["restore"]["total"], found["restore"]["done"]) == (running, 0)
        assert len(daemon.json("GET", "/containers/json?all=1")) == ALL
    rounds = []
    while not health(daemon)[1]["started"]:
        assert daemon.process is not None
        assert daemon.process.poll() is None, daemon.tail()
        rounds.append(ask_all(daemon, "running-1"))
    print(took, rounds)
    for each in (took, *rounds):
        assert max(each.values()) < AT_ONCE, each
    progress = health(daemon)[1]["restore"]
    assert progress["total"] == progress["done"] == running
    assert len(progress["slowest"]) == 5
    assert len(daemon.json("GET", "/containers/json")) == running


def test_scrape_is_quick_and_holds_nobody_up(daemon: FaultyDaemon) -> None:
    check_scrapes(scrapes(daemon, LIVELY))


def test_questions_are_answered_while_containerd_stands_still(daemon: FaultyDaemon) -> None:
    check_outage(daemon)


def test_questions_are_answered_during_the_restore(daemon: FaultyDaemon) -> None:
    check_restore(daemon, LIVELY)


@pytest.mark.torture
def test_scrape_of_five_hundred_that_run(full: FaultyDaemon) -> None:
    check_scrapes(scrapes(full, ALL))


@pytest.mark.torture
def test_five_hundred_that_run_while_containerd_stands_still(full: FaultyDaemon) -> None:
    check_outage(full)


@pytest.mark.torture
def test_restore_of_five_hundred_that_run(full: FaultyDaemon) -> None:
    check_restore(full, ALL)
