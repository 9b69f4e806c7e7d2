"""The event stream, as dockerd has it, and from a sequence number on."""

from __future__ import annotations

from collections.abc import AsyncIterator

from quart import Response
from quart_trio import QuartTrio

from engine.api.queries import query_filters, query_text
from engine.api.responses import stream_response
from engine.api.routes.rooms import Rooms
from engine.api.routes.streams import moment
from engine.domain.events.facade import EventFilter
from engine.errors import InvalidParameter


def register(app: QuartTrio, rooms: Rooms) -> None:
    @app.get("/events")
    async def events() -> Response:
        wanted = EventFilter(query_filters())
        since, until = query_text("since"), moment(query_text("until"), "until")
        since_seq, since_ns = None, None
        if since.startswith("seq:"):
            since_seq = _sequence(since)
        else:
            # Elsewhere 0 means no limit; here it means from the very first event on, as in dockerd.
            since_ns = 0 if since == "0" else moment(since, "since")
        if since_ns is not None and until is not None and since_ns > until:
            raise InvalidParameter(
                f"`since` time ({since}) cannot be after `until` time ({query_text('until')})"
            )
        stream = rooms.events.stream(wanted, since_ns=since_ns, since_seq=since_seq, until_ns=until)

        async def lines() -> AsyncIterator[bytes]:
            async for batch in stream:
                yield b"".join([event.body + b"\n" for event in batch])

        return stream_response(lines())


def _sequence(text: str) -> int:
    number = text.removeprefix("seq:")
    if not number.isdecimal():
        raise InvalidParameter(f'invalid value for "since": {text}')
    return int(number)
