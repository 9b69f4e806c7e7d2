"""The daemon dies before and after each effect of each operation; its next start finishes or undoes.

The crash points are named in tests.harness.crashing.CRASH_POINTS. The short round takes a seeded
choice; `just torture` (the marker) hits every one in every operation that comes by it, with and
without live restore, and prints how often.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import product

import pytest

from tests.harness.builddeeds import BuildAttempt
from tests.harness.crashed import CrashingDaemon
from tests.harness.crashing import CRASH_POINTS
from tests.harness.deeds import DEEDS, Attempt, wait_for
from tests.harness.traces import difference, resting

pytestmark = pytest.mark.integration

MOMENTS = ("before", "after")
LATE = 3.0
"""Seconds for an effect that comes after the last answer."""
QUIET = 0.2
CHOICES = 5
"""Of the deeds on containers; the build is always among them."""
BUILD = "build"
AnyAttempt = Attempt | BuildAttempt


class Round:
    """One daemon through many crashes, always with nothing in it between two deeds."""

    def __init__(self, daemon: CrashingDaemon, *, live: bool) -> None:
        self.daemon = daemon
        self.live = live
        self.empty = resting(daemon)
        self._effects: dict[str, list[tuple[str, int]]] = {}

    def points(self, name: str) -> list[tuple[str, int]]:
        """The effects of a deed that nothing disturbs, each with its number among its like."""
        if name not in self._effects:
            attempt = self._ready(name)
            self.daemon.forget()
            assert attempt.act()
            seen: Counter[str] = Counter()
            found = []
            wait_for(self._quiet, "the daemon has finished")
            for effect in self.daemon.effects():
                seen[effect] += 1
                found.append((effect, seen[effect]))
            self._effects[name] = found
            self._clear(attempt)
        return self._effects[name]

    def _quiet(self) -> bool:
        before = self.daemon.effects()
        time.sleep(QUIET)
        return before == self.daemon.effects()

    def _ready(self, name: str) -> AnyAttempt:
        attempt: AnyAttempt = BuildAttempt(self.daemon)
        if name != BUILD:
            attempt = Attempt(self.daemon, DEEDS[name], live=self.live)
        attempt.ready()
        wait_for(self._quiet, "the daemon is at rest")
        return attempt

    def crash(self, name: str, effect: str, when: str, nth: int) -> bool:
        """One deed with one crash in it, everything looked at afterwards; False where it was not met."""
        attempt = self._ready(name)
        self.daemon.arm(effect, when, nth)
        try:
            attempt.act()
            if not self.daemon.crashed(LATE):
                self.daemon.disarm()
                self._clear(attempt)
                return False
            self.daemon.start_again()
            attempt.check()
            attempt.again()
            self._clear(attempt)
        except BaseException as error:
            error.add_note(f"{name}: {when} {effect} ({nth}), live restore {self.live}")
            raise
        return True

    def _clear(self, attempt: AnyAttempt) -> None:
        attempt.remove()
        left = partial(difference, self.daemon, self.empty)
        wait_for(lambda: not left(), lambda: str(left()))


def new_round(*, live: bool) -> Iterator[Round]:
    with CrashingDaemon(*(["--live-restore"] if live else [])) as daemon:
        daemon.load_busybox()
        daemon.docker("run", "--rm", "busybox", "true", check=True)
        yield Round(daemon, live=live)


@pytest.fixture(scope="module", params=[True, False], ids=["live", "plain"])
def round_(request: pytest.FixtureRequest) -> Iterator[Round]:
    yield from new_round(live=request.param)


def test_some_crashes_leave_what_was_answered_and_nothing_half(round_: Round) -> None:
    chance = random.Random(f"trimaran {round_.live}")
    for name in (*chance.sample(list(DEEDS), CHOICES), BUILD):
        effect, nth = chance.choice(round_.points(name))
        round_.crash(name, effect, chance.choice(MOMENTS), nth)
    assert round_.daemon.hits


@pytest.mark.torture
@pytest.mark.parametrize("name", [*DEEDS, BUILD])
def test_every_crash_leaves_what_was_answered_and_nothing_half(round_: Round, name: str) -> None:
    points = round_.points(name)
    missed = [
        (effect, when, nth)
        for (effect, nth), when in product(points, MOMENTS)
        if not round_.crash(name, effect, when, nth) and not round_.crash(name, effect, when, nth)
    ]
    assert not missed


@pytest.mark.torture
def test_every_crash_point_was_hit(round_: Round, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        for point, when in product(CRASH_POINTS, MOMENTS):
            print(f"{round_.daemon.hits[f'{point} {when}']:4} {when:6} {point}")
    missing = [
        f"{point} {when}"
        for point, when in product(CRASH_POINTS, MOMENTS)
        if not round_.daemon.hits[f"{point} {when}"]
    ]
    assert not missing
