"""The event bus: a window of the log in memory, and subscribers that read it by number.

A subscriber has no queue, only a position: one that falls out of the window reads the log on disk, so
a reader that stops reading never slows the publisher and loses nothing that retention still keeps; what
it does not keep any more is told as one `events-gap`. News wakes a few subscribers in each round of the
loop, and each of them the next one: a thousand that were woken together would keep the loop, and the
publisher's own steps with it, for as long as it takes to write to them all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

import trio

from engine.domain.events.ports import EventLog
from engine.domain.events.records import Event, gap

WINDOW = 2048
PAGE = 128  # what a subscriber that stopped reading keeps in memory
FANOUT = 4
"""Subscribers that are awake at a time because of news."""

Aside = Callable[[int], Awaitable[int]]
"""Where a subscriber that has had all up to a number waits for more; the number from which it reads on."""


class EventBus:
    """Passive and loop-bound: it survives every service, so a stream never notices a restart."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._window: deque[Event] = deque(maxlen=WINDOW)
        self._head = 0
        self._lot = trio.lowlevel.ParkingLot()
        self._news = 0
        self._awake = 0
        self.listeners = 0
        self.published = 0

    @property
    def head(self) -> int:
        """The number of the newest committed event; 0 before the first one."""
        return self._head

    def committed(self, events: Sequence[Event]) -> None:
        """Tell subscribers of events that are on disk, in order."""
        for event in events:
            if event.seq <= self._head:
                continue
            if event.seq != self._head + 1:
                self._window.clear()
            self._window.append(event)
            self._head = event.seq
            self.published += 1
        self._tell()

    def resume(self, head: int) -> None:
        """The log's head as a fresh store finds it; what was committed and not told is read from disk."""
        if head > self._head:
            self._head = head
            self._window.clear()
            self._tell()

    async def position_since(self, time_ns: int) -> int:
        """The number before the first event at or after a time. The clock may have been set back
        meanwhile: of what follows, only those at or after it are meant."""
        return await trio.to_thread.run_sync(self._log.first_seq_since, time_ns)

    async def position_before(self, time_ns: int) -> int:
        """The number of the last event before a time; 0: there is none."""
        return await trio.to_thread.run_sync(self._log.last_seq_before, time_ns)

    async def follow(
        self, after_seq: int, *, stop_at: int | None = None, aside: Aside | None = None
    ) -> AsyncGenerator[Sequence[Event], None]:
        """Batches of events after `after_seq`, for ever or up to number `stop_at`."""
        position = after_seq
        self.listeners += 1
        try:
            while stop_at is None or position < stop_at:
                if aside is not None and position >= self._head:
                    position = await aside(position)
                    continue
                batch = await self.next(position)
                position = batch[-1].seq
                yield batch
        finally:
            self.listeners -= 1

    async def next(self, position: int) -> Sequence[Event]:
        """Some of what comes after `position`, as soon as there is something."""
        while not (batch := await self._page(position)):
            await self._wait()
        return batch

    async def history(self, text: str) -> Sequence[Event]:
        return await trio.to_thread.run_sync(self._log.history, text)

    async def _page(self, position: int) -> Sequence[Event]:
        if position >= self._head:
            return ()
        window = self._window
        if window and window[0].seq <= position + 1:
            # Without a hole in it, so that the newest are reached from its end without a search.
            newer = self._head - position
            return [window[-n] for n in range(newer, max(0, newer - PAGE), -1)]
        page = await trio.to_thread.run_sync(self._log.read_events, position, PAGE)
        until = page[0].seq - 1 if page else self._head
        forgotten = min(until, self._log.forgotten())
        if forgotten > position:
            return [gap(position + 1, forgotten), *page]
        return page

    # Waking, a few at a time: who was woken wakes the next one, unless that one has parked since the news.

    def _tell(self) -> None:
        self._news += 1
        self._wake()

    def _wake(self) -> None:
        free = FANOUT - self._awake
        if free > 0:
            self._awake += len(self._lot.unpark(count=free))

    async def _wait(self) -> None:
        heard = self._news
        await self._lot.park()
        # No await from here to the next subscriber's turn: a cancellation must not swallow it.
        self._awake -= 1
        if heard < self._news:
            self._wake()
