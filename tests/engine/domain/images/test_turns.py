from __future__ import annotations

import trio

from engine.domain.images.progress import Message, status
from engine.domain.images.turns import Turns


async def test_one_at_a_time_and_all_hear_it(autojump_clock: trio.abc.Clock) -> None:
    turns = Turns()
    heard: dict[str, list[Message]] = {"a": [], "b": [], "c": []}

    async def work(name: str, key: str) -> None:
        async with turns.turn(key, heard[name].append) as tell:
            await trio.sleep(1)
            tell(status(name))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work, "a", "one")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(work, "b", "one")
        nursery.start_soon(work, "c", "two")
    assert trio.current_time() == 2
    assert heard == {
        "a": [status("a")],
        "b": [status("a"), status("b")],
        "c": [status("c")],
    }


async def test_next_takes_over_when_the_first_goes_away(autojump_clock: trio.abc.Clock) -> None:
    turns = Turns()
    order: list[str] = []

    async def work(name: str, patience: float) -> None:
        with trio.move_on_after(patience):
            async with turns.turn("key", lambda _: None):
                order.append(name)
                await trio.sleep(10)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work, "first", 3)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(work, "second", 99)
    assert order == ["first", "second"]
    assert trio.current_time() == 13
