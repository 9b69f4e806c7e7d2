from __future__ import annotations

from collections import Counter

import trio
import trio.testing

from engine.domain.streams.turns import AT_ONCE, turn


class Rounds(trio.abc.Instrument):
    """Numbers the rounds of the loop."""

    def __init__(self) -> None:
        self.number = 0

    def before_io_wait(self, timeout: float) -> None:
        self.number += 1


async def test_one_round_of_the_loop_has_room_for_few_chunks() -> None:
    rounds, copied, by = Rounds(), Counter[int](), Counter[int]()
    trio.lowlevel.add_instrument(rounds)

    async def copy(number: int) -> None:
        for _ in range(20):
            async with turn():
                copied[rounds.number] += 1
                by[number] += 1
                await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(copy, number)
    assert max(copied.values()) <= AT_ONCE
    assert sum(copied.values()) == 200


async def test_everybody_gets_a_turn() -> None:
    by: Counter[int] = Counter()

    async def copy(number: int) -> None:
        while True:
            async with turn():
                by[number] += 1
                await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(copy, number)
        while sum(by.values()) < 500:
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert len(by) == 10
    assert max(by.values()) - min(by.values()) <= 2


async def test_turn_that_nobody_else_wants_costs_no_checkpoint() -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        async with turn():
            pass
    assert not scope.cancelled_caught


async def test_cancelled_waiter_leaves_the_turn_to_others(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(AT_ONCE):
            nursery.start_soon(hold, 5)
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(1) as waiting:
            async with turn():
                raise AssertionError("it is not our turn")
        assert waiting.cancelled_caught
    with trio.fail_after(1):
        for _ in range(AT_ONCE + 1):
            async with turn():
                await trio.lowlevel.checkpoint()


async def hold(seconds: float) -> None:
    async with turn():
        await trio.sleep(seconds)
