from __future__ import annotations

import time

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from engine.domain.events.bus import EventBus
from engine.domain.events.facade import COMMIT_DEADLINE, Batch, EventFilter, Events, Journal
from engine.domain.events.messages import Commit
from engine.errors import Unavailable
from supervisors import Mailbox
from tests.fakes.event_log import FakeEventLog, numbered


class Store:
    """Takes commits; crashes at the first `crashes` of them."""

    def __init__(self, crashes: int = 0) -> None:
        self.mailbox: Mailbox[Commit] = Mailbox("store")
        self.crashes = crashes
        self.taken: list[Batch] = []

    async def run(self) -> None:
        while True:
            try:
                with self.mailbox.open() as inbox:
                    async for letter in inbox:
                        self.taken.append(letter.message.batch)
                        if self.crashes:
                            self.crashes -= 1
                            raise ZeroDivisionError
                        letter.reply(len(self.taken))
            except ZeroDivisionError:
                continue


async def test_commit_answers_the_number_of_its_last_event() -> None:
    store = Store()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.run)
        assert await Journal(store.mailbox).commit(Batch()) == 1
        await Journal(store.mailbox).emit("image", "pull", "busybox", {"name": "busybox"})
        nursery.cancel_scope.cancel()
    (event,) = store.taken[1].events
    assert (event.type, event.action, event.actor_id) == ("image", "pull", "busybox")


async def test_store_that_crashes_is_asked_again_for_the_same_batch() -> None:
    store = Store(crashes=2)
    batch = Batch()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.run)
        assert await Journal(store.mailbox).commit(batch) == 3
        nursery.cancel_scope.cancel()
    assert store.taken == [batch] * 3


async def test_store_that_stays_away_is_unavailable(autojump_clock: MockClock) -> None:
    begun = trio.current_time()
    with pytest.raises(Unavailable, match="the state database does not answer"):
        await Journal(Mailbox("store")).commit(Batch())
    assert trio.current_time() - begun == pytest.approx(COMMIT_DEADLINE)


def room(*numbers: int, at: float = 0) -> tuple[FakeEventLog, EventBus, Events]:
    """A log with events a second apart, the last one `at` seconds from now."""
    now = time.time_ns()
    log = FakeEventLog(
        [
            numbered(each, time_ns=now + int((at - len(numbers) + index + 1) * 1e9))
            for index, each in enumerate(numbers)
        ]
    )
    bus = EventBus(log)
    bus.resume(len(numbers))
    return log, bus, Events(bus)


async def numbers(events: Events, **asked: int) -> list[int]:
    stream = events.stream(EventFilter(), **asked)
    return [each.seq async for batch in stream for each in batch]


async def test_past_is_replayed_and_ends() -> None:
    log, _, events = room(1, 2, 3, 4, at=-1)
    first, second, third, fourth = (each.time_ns for each in log.events)
    assert await numbers(events, since_ns=first, until_ns=fourth) == [1, 2, 3]
    assert await numbers(events, since_ns=second, until_ns=fourth + 1) == [2, 3, 4]
    assert await numbers(events, since_seq=2, until_ns=fourth + 1) == [3, 4]
    assert await numbers(events, until_ns=third) == []


async def test_stream_with_an_end_in_the_future_ends_then(autojump_clock: MockClock) -> None:
    log, bus, events = room(1, at=-10)
    got: list[int] = []
    until_ns = time.time_ns() + 60_000_000_000

    async def read() -> None:
        got.extend(await numbers(events, until_ns=until_ns))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        log.events.append(numbered(2, time_ns=time.time_ns()))
        bus.committed(log.events[1:])
        await wait_all_tasks_blocked()
        assert events.listeners == 1
    assert got == [2]
    assert trio.current_time() > 0
    assert events.listeners == 0


async def test_without_an_end_it_goes_on_from_now(autojump_clock: MockClock) -> None:
    log, bus, events = room(1, 2)
    got: list[int] = []

    async def read() -> None:
        async for batch in events.stream(EventFilter({"event": ["start"]})):
            got.extend(each.seq for each in batch)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        log.events += [numbered(3, action="die"), numbered(4)]
        bus.committed(log.events[2:])
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert got == [4]
    assert events.head == 4


async def test_event_of_a_time_to_come_fools_no_replay() -> None:
    """A clock that was ahead, and put right: rows are in the order of their numbers, not of their dates."""
    log, _, events = room(1, 2, 3, 4, at=-1)
    first, _, third, fourth = (each.time_ns for each in log.events)
    log.events[0] = numbered(1, time_ns=time.time_ns() + 10**15)
    assert await numbers(events, since_ns=third, until_ns=fourth + 1) == [3, 4]
    assert await numbers(events, since_ns=first, until_ns=fourth + 1) == [2, 3, 4]


async def test_gap_passes_every_filter() -> None:
    log, _, events = room(1, 2, 3, at=-1)
    del log.events[:2]
    log.oldest = 2
    wanted = EventFilter({"event": ["start"], "type": ["container"]})
    stream = events.stream(wanted, since_seq=0, until_ns=log.events[0].time_ns + 1)
    found = [each async for batch in stream for each in batch]
    assert [(each.seq, each.message().action) for each in found] == [
        (2, "events-gap"),
        (3, "start"),
    ]


async def test_history_is_what_the_log_has_of_a_text() -> None:
    log, _, events = room(1, 2, 3, at=-1)
    assert [each.seq for each in await events.history('"id2"')] == [log.events[1].seq]
