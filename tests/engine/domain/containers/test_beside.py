from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from engine.domain.containers.beside import beside
from engine.errors import Conflict


async def test_two_steps_take_as_long_as_the_longer_one(autojump_clock: MockClock) -> None:
    async def sleep(seconds: float) -> float:
        await trio.sleep(seconds)
        return seconds

    before = trio.current_time()
    assert await beside(lambda: sleep(3), lambda: sleep(2)) == (3, 2)
    assert trio.current_time() - before == 3


async def test_an_error_is_raised_bare_once_the_other_step_has_ended(
    autojump_clock: MockClock,
) -> None:
    ended = []

    async def fail() -> None:
        raise Conflict("no")

    async def go_on() -> None:
        await trio.sleep(1)
        ended.append(True)

    with pytest.raises(Conflict, match="no"):
        await beside(fail, go_on)
    assert ended == [True]


async def test_cancelling_cancels_both(autojump_clock: MockClock) -> None:
    with trio.move_on_after(1) as scope:
        await beside(trio.sleep_forever, trio.sleep_forever)
    assert scope.cancelled_caught
