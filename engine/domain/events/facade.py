"""All that routes and other rooms may import of events: the journal to change by, the stream to read by."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial
from weakref import WeakValueDictionary

import trio

from engine.domain.events.audience import Audience, Form, Outlet
from engine.domain.events.bus import Aside, EventBus
from engine.domain.events.filters import EventFilter
from engine.domain.events.messages import Batch, Commit, Document, Intent, NewEvent
from engine.domain.events.records import Event
from engine.errors import Unavailable
from supervisors import Mailbox, ServiceCrashed

__all__ = [
    "Aside",
    "Batch",
    "Document",
    "Event",
    "EventFilter",
    "Events",
    "Form",
    "Intent",
    "Journal",
    "NewEvent",
    "Outlet",
]

COMMIT_DEADLINE = 15.0


class Journal:
    """Makes batches true. A store that crashes in between is asked again: batches are idempotent."""

    def __init__(self, mailbox: Mailbox[Commit]) -> None:
        self._mailbox = mailbox

    async def commit(self, batch: Batch) -> int:
        """The number of the batch's last event (0: none). Unavailable when the store stays away."""
        with trio.move_on_after(COMMIT_DEADLINE):
            while True:
                try:
                    return await self._mailbox.ask(Commit(batch), accept_timeout=COMMIT_DEADLINE)
                except ServiceCrashed:
                    await trio.sleep(0.01)
        raise Unavailable("the state database does not answer")

    async def emit(self, type: str, action: str, actor_id: str, attributes: dict[str, str]) -> None:
        """Commit a single event that belongs to no change of a record."""
        await self.commit(Batch(events=[NewEvent(type, action, actor_id, attributes)]))


class Events:
    """The event stream as the API serves it."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self._audiences: WeakValueDictionary[object, Audience] = WeakValueDictionary()

    @property
    def listeners(self) -> int:
        return self._bus.listeners

    @property
    def head(self) -> int:
        return self._bus.head

    async def history(self, text: str) -> Sequence[Event]:
        """All that is kept of what has this text in its JSON, oldest first; also what the log has forgotten
        and a container's timeline has not."""
        return await self._bus.history(text)

    def aside(self, wanted: EventFilter, form: Form, outlet: Outlet | None) -> Aside | None:
        """A place among those who want the same in the same form; None without an outlet to tell it through."""
        if outlet is None:
            return None
        key = (form, wanted.key)
        audience = self._audiences.get(key)
        if audience is None:
            audience = self._audiences[key] = Audience(self._bus, wanted, form)
        return partial(audience.attend, outlet)

    async def stream(
        self,
        wanted: EventFilter,
        *,
        since_ns: int | None = None,
        since_seq: int | None = None,
        until_ns: int | None = None,
        aside: Aside | None = None,
    ) -> AsyncGenerator[Sequence[Event], None]:
        """Batches of matching events. `until_ns` in the past replays and ends; in the future it ends then.
        Without it, whoever has had all is told what comes `aside`, if given.

        Times choose among the rows that were there before; what comes is told whatever its date.
        """
        head = self._bus.head
        if since_seq is not None:
            start = since_seq
        elif since_ns is not None:
            start = await self._bus.position_since(since_ns)
        elif until_ns is not None and until_ns <= time.time_ns():
            return
        else:
            start = head

        def chosen(event: Event) -> bool:
            if not event.gap:
                if since_ns is not None and event.time_ns < since_ns and event.seq <= head:
                    return False
                if until_ns is not None and event.time_ns >= until_ns:
                    return False
            return wanted.matches(event)

        async with aclosing(self._between(start, until_ns, aside)) as batches:
            async for batch in batches:
                matching = [event for event in batch if chosen(event)]
                if matching:
                    yield matching

    async def _between(
        self, start: int, until_ns: int | None, aside: Aside | None
    ) -> AsyncGenerator[Sequence[Event], None]:
        """As they come while there is time, then what else the log has of it."""
        if until_ns is None:
            async with aclosing(self._bus.follow(start, aside=aside)) as endless:
                async for batch in endless:
                    yield batch
            return
        deadline = trio.current_time() + max(0.0, until_ns / 1e9 - time.time())
        async with aclosing(self._bus.follow(start)) as stream:
            while True:
                batch = ()
                with trio.move_on_at(deadline):
                    batch = await anext(stream)
                if not batch:
                    break
                start = batch[-1].seq
                yield batch
        stop_at = await self._bus.position_before(until_ns)
        async for batch in self._bus.follow(start, stop_at=stop_at):
            yield [event for event in batch if event.seq <= stop_at]
