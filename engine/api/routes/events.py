"""The event stream, as dockerd has it, and from a sequence number on."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence

import msgspec
from quart import Response
from quart_trio import QuartTrio

from engine.api.hijack import link
from engine.api.outlets import chunk
from engine.api.queries import query_filters, query_text
from engine.api.responses import stream_response
from engine.api.routes.rooms import Rooms
from engine.api.routes.streams import moment
from engine.domain.events.facade import Event, EventFilter
from engine.errors import InvalidParameter

SECOND = 1_000_000_000


class Asked(msgspec.Struct, frozen=True):
    """Which events, from where and up to when; times in nanoseconds."""

    filter: EventFilter
    until_ns: int | None
    since_ns: int | None = None
    since_seq: int | None = None


def register(app: QuartTrio, rooms: Rooms) -> None:
    @app.get("/events")
    async def events() -> Response:
        wanted, current = asked(), link()
        outlet = current.outlet() if current is not None else None
        stream = rooms.events.stream(
            wanted.filter,
            since_ns=wanted.since_ns,
            since_seq=wanted.since_seq,
            until_ns=wanted.until_ns,
            aside=rooms.events.aside(wanted.filter, chunk_of, outlet),
        )

        async def lines() -> AsyncIterator[bytes]:
            async for batch in stream:
                yield lines_of(batch)

        return stream_response(lines())


def lines_of(batch: Sequence[Event]) -> bytes:
    """One JSON object a line."""
    return b"".join([event.body + b"\n" for event in batch])


def chunk_of(batch: Sequence[Event]) -> bytes:
    """The same as it is on the wire."""
    return chunk(lines_of(batch))


def asked() -> Asked:
    """The request's `filters`, `since` and `until`."""
    wanted = EventFilter(query_filters())
    since, until = query_text("since"), _end(query_text("until"))
    if since.startswith("seq:"):
        return Asked(wanted, until, since_seq=_sequence(since))
    # Elsewhere 0 means no limit; here it means from the very first event on, as in dockerd.
    since_ns = 0 if since == "0" else moment(since, "since")
    if since_ns is not None and until is not None and since_ns > until:
        raise InvalidParameter(
            f"`since` time ({since}) cannot be after `until` time ({query_text('until')})"
        )
    return Asked(wanted, until, since_ns=since_ns)


def _end(text: str) -> int | None:
    """The second that is under way means up to now: clients cut "now" down to whole seconds."""
    until, now = moment(text, "until"), time.time_ns()
    return now if until is not None and until == now - now % SECOND else until


def _sequence(text: str) -> int:
    number = text.removeprefix("seq:")
    if not number.isdecimal():
        raise InvalidParameter(f'invalid value for "since": {text}')
    return int(number)
