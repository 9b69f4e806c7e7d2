"""The measuring of holds itself: without it nothing would ever be held."""

from __future__ import annotations

import time

import trio

from tests.harness.holds import Holds

LIMIT = 0.02


def compute(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


async def test_step_that_computes_for_long_is_named_and_others_are_not() -> None:
    holds = Holds()
    trio.lowlevel.add_instrument(holds)
    holds.measure(LIMIT)
    for seconds in (0.0, 2 * LIMIT, 0.0):
        await trio.lowlevel.checkpoint()
        compute(seconds)
    await trio.lowlevel.checkpoint()
    found = holds.measured()
    trio.lowlevel.remove_instrument(holds)
    (held,) = [each for each in found["held"] if each["cpu"] >= LIMIT]
    assert held["cpu"] >= 2 * LIMIT
    assert any("compute" in frame for frame in held["stack"])
    assert found["steps"] >= 3
