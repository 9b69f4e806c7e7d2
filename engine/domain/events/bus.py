"""The event bus: a window of the log in memory, and subscribers that read it by number.

A subscriber has no queue, only a position: one that falls out of the window reads the log on disk, so
a reader that stops reading never slows the publisher and loses nothing that retention still keeps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Iterable, Sequence

import trio

from engine.domain.events.ports import EventLog
from engine.domain.events.records import Event

WINDOW = 2048
PAGE = 512


class EventBus:
    """Passive and loop-bound: it survives every service, so a stream never notices a restart."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._window: deque[Event] = deque(maxlen=WINDOW)
        self._head = 0
        self._lot = trio.lowlevel.ParkingLot()
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
        self._lot.unpark_all()

    def resume(self, head: int) -> None:
        """The log's head as a fresh store finds it; what was committed and not told is read from disk."""
        if head > self._head:
            self._head = head
            self._window.clear()
            self._lot.unpark_all()

    async def position_since(self, time_ns: int) -> int:
        return await trio.to_thread.run_sync(self._log.first_seq_since, time_ns)

    async def follow(
        self, after_seq: int, *, stop_at: int | None = None
    ) -> AsyncGenerator[Sequence[Event], None]:
        """Batches of events after `after_seq`, for ever or up to number `stop_at`."""
        position = after_seq
        self.listeners += 1
        try:
            while stop_at is None or position < stop_at:
                batch = await self._page(position)
                if not batch:
                    await self._lot.park()
                    continue
                position = batch[-1].seq
                yield batch
        finally:
            self.listeners -= 1

    async def _page(self, position: int) -> Sequence[Event]:
        if position >= self._head:
            return ()
        if self._window and self._window[0].seq <= position + 1:
            return list(_after(self._window, position))
        page = await trio.to_thread.run_sync(self._log.read_events, position, PAGE)
        return page or ()


def _after(window: Iterable[Event], position: int) -> Iterable[Event]:
    return [event for event in window if event.seq > position]
