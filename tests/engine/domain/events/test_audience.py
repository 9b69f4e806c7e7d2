from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import aclosing
from itertools import pairwise

import trio
from trio.testing import wait_all_tasks_blocked

from engine.domain.events.audience import STRIDE, Audience
from engine.domain.events.bus import WINDOW, EventBus
from engine.domain.events.filters import EventFilter
from engine.domain.events.records import Event
from tests.engine.domain.events.test_bus import commit
from tests.fakes.event_log import FakeEventLog, numbered


class Outlet:
    """Takes as many bytes as there is room for; the rest at `flush`, once there is room again."""

    def __init__(self) -> None:
        self.got = b""
        self.left = b""
        self.room: int | None = None
        self.more = trio.Event()
        self.refusing = False

    def ready(self, count: int) -> bool:
        assert count > 0
        return not self.refusing

    def offer(self, data: bytes, count: int) -> bool:
        assert data.count(b",") == count
        room = len(data) if self.room is None else self.room
        self.got += data[:room]
        self.left = data[room:]
        return not self.left

    async def flush(self) -> None:
        if self.left:
            await self.more.wait()
            self.got, self.left = self.got + self.left, b""

    @property
    def numbers(self) -> list[int]:
        return [int(each) for each in self.got.split(b",")[:-1]]


class Hall:
    """A bus with one audience; each subscriber hears alone what `aside` leaves it."""

    def __init__(self, wanted: EventFilter | None = None) -> None:
        self.log = FakeEventLog()
        self.bus = EventBus(self.log)
        self.made: list[tuple[int, ...]] = []
        self.wanted = wanted or EventFilter()
        self.audience = Audience(self.bus, self.wanted, self.form)
        self.alone: list[int] = []

    def form(self, batch: Sequence[Event]) -> bytes:
        self.made.append(tuple(each.seq for each in batch))
        return b"".join(b"%d," % each.seq for each in batch)

    async def hear(self, outlet: Outlet, after: int = 0) -> None:
        async def aside(position: int) -> int:
            return await self.audience.attend(outlet, position)

        async with aclosing(self.bus.follow(after, aside=aside)) as batches:
            async for batch in batches:
                chosen = [each.seq for each in batch if self.wanted.matches(each)]
                self.alone += chosen
                outlet.got += b"".join(b"%d," % seq for seq in chosen)
                await trio.lowlevel.checkpoint()

    def commit(self, *numbers: int) -> None:
        commit(self.bus, self.log, *numbers)


async def test_bytes_are_made_once_for_all_of_them() -> None:
    hall, outlets = Hall(), [Outlet() for _ in range(3 * STRIDE + 1)]
    async with trio.open_nursery() as nursery:
        for each in outlets:
            nursery.start_soon(hall.hear, each)
        await wait_all_tasks_blocked()
        hall.commit(1, 2)
        await wait_all_tasks_blocked()
        hall.commit(3)
        await wait_all_tasks_blocked()
        assert hall.bus.listeners == len(outlets)
        nursery.cancel_scope.cancel()
    assert all(each.numbers == [1, 2, 3] for each in outlets)
    assert (hall.made, hall.alone) == ([(1, 2), (3,)], [])


async def test_others_have_their_turn_while_many_are_told() -> None:
    hall, outlets = Hall(), [Outlet() for _ in range(4 * STRIDE)]
    seen = [0]

    async def publish() -> None:
        hall.commit(1)
        while seen[-1] < len(outlets):
            await trio.lowlevel.checkpoint()
            seen.append(sum(bool(each.got) for each in outlets))

    async with trio.open_nursery() as nursery:
        for each in outlets:
            nursery.start_soon(hall.hear, each)
        await wait_all_tasks_blocked()
        await publish()
        nursery.cancel_scope.cancel()
    steps = [after - before for before, after in pairwise(seen)]
    assert 0 < max(steps) <= 2 * STRIDE  # in one round of the loop, and before ours in the next


async def test_who_takes_a_part_has_the_rest_and_goes_on_alone_until_it_is_back() -> None:
    hall, slow, quick = Hall(), Outlet(), Outlet()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hall.hear, slow)
        await wait_all_tasks_blocked()
        nursery.start_soon(hall.hear, quick)
        await wait_all_tasks_blocked()
        slow.room = 1
        hall.commit(1)
        await wait_all_tasks_blocked()
        hall.commit(2)  # the one that led has left; another one leads
        await wait_all_tasks_blocked()
        assert (slow.got, quick.numbers) == (b"1", [1, 2])
        slow.room = None
        slow.more.set()
        await wait_all_tasks_blocked()
        hall.commit(3)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert slow.numbers == quick.numbers == [1, 2, 3]
    assert hall.alone == [2]


async def test_who_is_not_ready_hears_it_alone() -> None:
    hall, outlet = Hall(), Outlet()
    outlet.refusing = True
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hall.hear, outlet)
        await wait_all_tasks_blocked()
        hall.commit(1)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert (outlet.numbers, hall.alone) == ([1], [1])


async def test_leader_that_goes_in_the_middle_is_followed_by_another() -> None:
    hall, outlets = Hall(), [Outlet() for _ in range(3 * STRIDE)]
    leaving = trio.CancelScope()

    async def lead() -> None:
        with leaving:
            await hall.hear(outlets[0])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lead)
        await wait_all_tasks_blocked()
        for each in outlets[1:]:
            nursery.start_soon(hall.hear, each)
        await wait_all_tasks_blocked()
        hall.commit(1)
        while not outlets[0].got:
            await trio.lowlevel.checkpoint()
        leaving.cancel()
        await wait_all_tasks_blocked()
        hall.commit(2)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert all(each.numbers == [1, 2] for each in outlets[1:])


async def test_filter_chooses_and_nothing_is_made_of_the_rest() -> None:
    hall, outlet = Hall(EventFilter({"event": ["die"]})), Outlet()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hall.hear, outlet)
        await wait_all_tasks_blocked()
        for seq, action in ((1, "create"), (2, "die"), (3, "create")):
            hall.log.events.append(numbered(seq, action=action))
            hall.bus.committed(hall.log.events[-1:])
            await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert (outlet.numbers, hall.made) == ([2], [(2,)])


async def test_who_asked_for_a_later_beginning_hears_nothing_before_it() -> None:
    hall, early, late, part = Hall(), Outlet(), Outlet(), Outlet()
    async with trio.open_nursery() as nursery:
        for outlet, after in ((early, 0), (late, 3), (part, 1)):
            nursery.start_soon(hall.hear, outlet, after)
        await wait_all_tasks_blocked()
        hall.commit(1, 2, 3)
        await wait_all_tasks_blocked()
        hall.commit(4)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert (early.numbers, late.numbers, part.numbers) == ([1, 2, 3, 4], [4], [2, 3, 4])


async def test_each_hears_each_once_whatever_becomes_of_the_others() -> None:
    chance = random.Random(7)
    hall, outlets = Hall(), [Outlet() for _ in range(20)]
    for each in outlets:
        each.more.set()  # what is left over is taken a moment later
    gone: list[int] = []

    async def come_and_go(outlet: Outlet) -> None:
        for _ in range(30):
            before = len(outlet.numbers)
            scope = trio.CancelScope()
            begin = hall.bus.head

            async def attend(scope: trio.CancelScope = scope, begin: int = begin) -> None:
                with scope:
                    await hall.hear(outlet, begin)

            async with trio.open_nursery() as inner:
                inner.start_soon(attend)
                for _ in range(chance.randrange(30)):
                    await trio.lowlevel.checkpoint()
                outlet.room = chance.choice([None, 1, 3])
                scope.cancel()
            heard = outlet.numbers[before:]
            assert heard == list(range(begin + 1, begin + 1 + len(heard)))
            gone.append(len(heard))
            outlet.got, outlet.left = outlet.got[: outlet.got.rfind(b",") + 1], b""

    steady = Outlet()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hall.hear, steady)
        async with trio.open_nursery() as visitors:
            for each in outlets:
                visitors.start_soon(come_and_go, each)
            for seq in range(1, WINDOW // 4):
                hall.commit(seq)
                for _ in range(chance.randrange(3)):
                    await trio.lowlevel.checkpoint()
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert steady.numbers == list(range(1, WINDOW // 4))
    assert sum(gone) > 100
