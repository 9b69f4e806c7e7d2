from __future__ import annotations

from itertools import pairwise

import trio
from trio.testing import wait_all_tasks_blocked

from engine.domain.events.bus import FANOUT, PAGE, WINDOW, EventBus
from engine.domain.events.records import Event
from tests.fakes.event_log import FakeEventLog, numbered


class Reader:
    """A subscriber, with the numbers that it has got."""

    def __init__(self, bus: EventBus, after: int, stop_at: int | None = None) -> None:
        self.bus, self.after, self.stop_at = bus, after, stop_at
        self.got: list[int] = []

    async def run(self) -> None:
        async for batch in self.bus.follow(self.after, stop_at=self.stop_at):
            self.got += [each.seq for each in batch]


def commit(bus: EventBus, log: FakeEventLog, *numbers: int) -> list[Event]:
    events = [numbered(each) for each in numbers]
    log.events += events
    bus.committed(events)
    return events


async def test_followers_get_each_event_once_and_in_order() -> None:
    log = FakeEventLog()
    bus = EventBus(log)
    early, late = Reader(bus, 0), Reader(bus, 2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(early.run)
        await wait_all_tasks_blocked()
        commit(bus, log, 1, 2)
        nursery.start_soon(late.run)
        await wait_all_tasks_blocked()
        commit(bus, log, 3)
        await wait_all_tasks_blocked()
        assert bus.listeners == 2
        nursery.cancel_scope.cancel()
    assert (early.got, late.got) == ([1, 2, 3], [3])
    assert (bus.listeners, bus.head, bus.published) == (0, 3, 3)
    assert log.reads == 0


async def test_what_was_told_before_is_not_told_again() -> None:
    log = FakeEventLog()
    bus = EventBus(log)
    events = commit(bus, log, 1, 2)
    bus.committed(events)
    assert bus.published == 2
    reader = Reader(bus, 0, stop_at=2)
    await reader.run()
    assert reader.got == [1, 2]


async def test_reader_that_fell_out_of_the_window_reads_the_disk_in_pages() -> None:
    log = FakeEventLog()
    bus = EventBus(log)
    last = WINDOW + PAGE + 10
    commit(bus, log, *range(1, last + 1))
    reader = Reader(bus, 0, stop_at=last)
    await reader.run()
    assert reader.got == list(range(1, last + 1))
    assert log.reads == 2  # then the window has it


async def test_fresh_store_tells_the_head_and_the_disk_has_what_was_not_told() -> None:
    log = FakeEventLog([numbered(1), numbered(2)])
    bus = EventBus(log)
    reader = Reader(bus, 0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader.run)
        await wait_all_tasks_blocked()
        bus.resume(2)
        bus.resume(1)
        while len(reader.got) < 2:
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert (reader.got, bus.head) == ([1, 2], 2)


async def test_gap_in_the_numbers_is_read_from_disk() -> None:
    log = FakeEventLog([numbered(1), numbered(2)])
    bus = EventBus(log)
    bus.committed([log.events[0]])
    commit(bus, log, 3)
    reader = Reader(bus, 0, stop_at=3)
    await reader.run()
    assert reader.got == [1, 2, 3]


async def test_reader_ahead_of_the_head_waits_for_its_turn() -> None:
    log = FakeEventLog()
    bus = EventBus(log)
    reader = Reader(bus, 5, stop_at=6)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader.run)
        await wait_all_tasks_blocked()
        commit(bus, log, 1, 2, 3, 4, 5)
        await wait_all_tasks_blocked()
        assert reader.got == []
        commit(bus, log, 6)
    assert reader.got == [6]


async def test_position_of_a_time_is_before_its_first_event() -> None:
    bus = EventBus(FakeEventLog([numbered(1, time_ns=10), numbered(2, time_ns=20)]))
    assert [await bus.position_since(each) for each in (1, 10, 11, 20, 21)] == [0, 0, 1, 1, 2]
    assert [await bus.position_before(each) for each in (1, 10, 11, 21)] == [0, 0, 1, 2]


async def test_what_retention_has_forgotten_is_one_gap() -> None:
    log = FakeEventLog([numbered(each) for each in range(8, 11)], oldest=7)
    bus = EventBus(log)
    bus.resume(10)
    batches = [batch async for batch in bus.follow(3, stop_at=10)]
    lost, *rest = [event for batch in batches for event in batch]
    message = lost.message()
    assert (message.type, message.action) == ("daemon", "events-gap")
    assert message.actor.attributes == {"from": "4", "to": "7"}
    assert (lost.seq, lost.gap, [each.seq for each in rest]) == (7, True, [8, 9, 10])


async def test_log_with_nothing_left_is_a_gap_up_to_its_head() -> None:
    bus = EventBus(FakeEventLog(oldest=7))
    bus.resume(7)
    ((lost,),) = [batch async for batch in bus.follow(0, stop_at=7)]
    assert lost.message().actor.attributes == {"from": "1", "to": "7"}


async def test_numbers_never_given_are_no_gap() -> None:
    bus = EventBus(FakeEventLog([numbered(1), numbered(9)], oldest=0))
    bus.resume(9)
    reader = Reader(bus, 1, stop_at=9)
    await reader.run()
    assert reader.got == [9]


async def test_news_wakes_a_few_at_a_time_and_in_the_end_everybody() -> None:
    """Nobody holds the loop for all: in each of its rounds no more than FANOUT subscribers are at work."""
    log = FakeEventLog()
    bus = EventBus(log)
    rounds: list[int] = []
    heard: list[int] = []

    class Count(trio.abc.Instrument):
        def before_io_wait(self, timeout: float) -> None:
            rounds.append(len(heard))

    async def follow() -> None:
        async for batch in bus.follow(0):
            heard.extend(each.seq for each in batch)

    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(follow)
        await wait_all_tasks_blocked()
        count = Count()
        trio.lowlevel.add_instrument(count)
        commit(bus, log, 1)
        commit(bus, log, 2, 3)
        await wait_all_tasks_blocked()
        trio.lowlevel.remove_instrument(count)
        assert sorted(heard) == sorted([1, 2, 3] * 50)
        steps = [after - before for before, after in pairwise(rounds)]
        assert max(steps) <= FANOUT * 3
        nursery.cancel_scope.cancel()


async def test_subscriber_that_leaves_or_waits_for_a_number_to_come_stops_no_other() -> None:
    log = FakeEventLog()
    bus = EventBus(log)
    heard: list[int] = []
    leavers = [trio.CancelScope() for _ in range(2 * FANOUT)]

    async def follow(after: int, scope: trio.CancelScope) -> None:
        with scope:
            async for batch in bus.follow(after):
                heard.extend(each.seq for each in batch)

    async with trio.open_nursery() as nursery:
        for scope in leavers:
            nursery.start_soon(follow, 0, scope)
        for _ in range(2 * FANOUT):
            nursery.start_soon(follow, 1000, trio.CancelScope())
        await wait_all_tasks_blocked()
        for _ in range(10):
            nursery.start_soon(follow, 0, trio.CancelScope())
        await wait_all_tasks_blocked()
        commit(bus, log, 1)
        for scope in leavers:
            scope.cancel()
        await wait_all_tasks_blocked()
        assert len(heard) >= 10
        del heard[:]
        commit(bus, log, 2)
        await wait_all_tasks_blocked()
        assert heard == [2] * 10
        nursery.cancel_scope.cancel()
