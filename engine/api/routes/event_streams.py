"""Events over a WebSocket: numbered, resumable, in JSON or MessagePack."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import msgspec
from quart import Response, request
from quart_trio import QuartTrio

from engine.api.feeds import NOT_YET, Closing, Window, open_feed
from engine.api.frames import BINARY, TEXT, frame
from engine.api.queries import query_text
from engine.api.responses import empty_response
from engine.api.routes.events import Asked, asked
from engine.domain.events.facade import Aside, Event, Events
from engine.errors import InvalidParameter

JSON, MSGPACK = "json", "msgpack"
SUBPROTOCOLS = {"trimaran.events.json": JSON, "trimaran.events.msgpack": MSGPACK}
KEPT = 1024
"""Frames that are kept for those who have not had them yet."""


class Frames:
    """Events as frames of one format, each made once for all who get it."""

    def __init__(self, kind: int, encode: Callable[[Event], bytes]) -> None:
        self._kind = kind
        self._encode = encode
        self._made: dict[int, bytes] = {}

    def of(self, batch: Sequence[Event]) -> list[bytes]:
        return [self._one(event) for event in batch]

    def joined(self, batch: Sequence[Event]) -> bytes:
        return b"".join(self.of(batch))

    def _one(self, event: Event) -> bytes:
        made = self._made.get(event.seq)
        if made is not None and not event.gap:
            return made
        fresh = frame(self._encode(event), self._kind)
        if not event.gap:
            while len(self._made) >= KEPT:
                del self._made[next(iter(self._made))]
            self._made[event.seq] = fresh
        return fresh


def as_json(event: Event) -> bytes:
    """The object of /events, and its number: put into the bytes that are there already."""
    return b'%s,"seq":%d}' % (event.body[:-1], event.seq)


def as_msgpack(event: Event) -> bytes:
    return msgspec.msgpack.encode({**msgspec.json.decode(event.body), "seq": event.seq})


def register(app: QuartTrio, events: Events, engine_id: str) -> None:
    formats = {JSON: Frames(TEXT, as_json), MSGPACK: Frames(BINARY, as_msgpack)}

    @app.get("/_trimaran/events/ws")
    async def events_ws() -> Response:
        wanted, window = asked(), Window(_credit())
        chosen, subprotocol = _format()
        head = events.head
        async with open_feed(window, subprotocol=subprotocol) as feed:
            hello = {"hello": {"engine": engine_id, "seq": head}}
            if chosen == MSGPACK:
                await feed.say(frame(msgspec.msgpack.encode(hello), BINARY))
            else:
                await feed.say(frame(msgspec.json.encode(hello), TEXT))
            if wanted.since_seq is not None and wanted.since_seq > head:
                raise Closing(
                    NOT_YET, f"event {wanted.since_seq} is not there: the newest is {head}"
                )
            frames = formats[chosen]
            aside = events.aside(wanted.filter, frames.joined, feed.outlet)
            async with aclosing(_stream(events, wanted, head, aside)) as batches:
                async for batch in batches:
                    await feed.send(frames.of(batch))
        return empty_response(200)


def _stream(
    events: Events, wanted: Asked, head: int, aside: Aside | None
) -> AsyncGenerator[Sequence[Event], None]:
    """From the number that hello says, unless another beginning was asked for."""
    now = wanted.since_seq is None and wanted.since_ns is None and wanted.until_ns is None
    return events.stream(
        wanted.filter,
        since_ns=wanted.since_ns,
        since_seq=head if now else wanted.since_seq,
        until_ns=wanted.until_ns,
        aside=aside,
    )


def _format() -> tuple[str, str | None]:
    """The format, and the subprotocol to confirm; `format` rules."""
    offered = [
        each.strip() for each in request.headers.get("Sec-WebSocket-Protocol", "").split(",")
    ]
    spoken = next((each for each in offered if each in SUBPROTOCOLS), None)
    said = query_text("format")
    if said not in ("", JSON, MSGPACK):
        raise InvalidParameter(f"invalid format {said}: it is {JSON} or {MSGPACK}")
    if said and spoken is not None and SUBPROTOCOLS[spoken] != said:
        spoken = next((each for each in offered if SUBPROTOCOLS.get(each) == said), None)
    return said or SUBPROTOCOLS.get(spoken or "", JSON), spoken


def _credit() -> int | None:
    text = query_text("credit")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()):
        raise InvalidParameter(f'invalid value for "credit": {text}')
    return int(text)
