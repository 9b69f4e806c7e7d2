"""A container's streams: attach and logs, and where its log goes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from quart import Response
from quart_trio import QuartTrio

from engine.api.app import api_version
from engine.api.hijack import MULTIPLEXED_STREAM, RAW_STREAM, hijack, hijack_websocket
from engine.api.queries import query_bool, query_text
from engine.api.responses import empty_response, json_response, stream_response
from engine.api.routes.rooms import Rooms
from engine.api.websockets import WebSocketStream
from engine.domain.containers.session import Wanted
from engine.domain.logs.decoder import Selection
from engine.domain.logs.timestamps import parse as parse_rfc3339
from engine.errors import InvalidParameter

SECONDS = re.compile(r"(\d+)(?:\.(\d{1,9})\d*)?")


def register(app: QuartTrio, rooms: Rooms) -> None:
    containers = rooms.containers

    @app.post("/containers/<name>/attach")
    async def container_attach(name: str) -> Response:
        session = containers.session(name, _wanted())
        try:
            await session.run(await hijack(content_type=stream_type(tty=session.tty)))
        finally:
            session.close()
        return empty_response(200)

    @app.get("/containers/<name>/attach/ws")
    async def container_attach_ws(name: str) -> Response:
        session = containers.session(name, _wanted())
        try:
            async with hijack_websocket() as websocket:
                await session.run(WebSocketStream(websocket))
        finally:
            session.close()
        return empty_response(200)

    @app.get("/containers/<name>/logs")
    async def container_logs(name: str) -> Response:
        tty = containers.inspect(name).config.tty
        stream = containers.logs(name, _selection())

        async def pieces() -> AsyncIterator[bytes]:
            async with stream:
                async for piece in stream:
                    yield piece

        return stream_response(pieces(), stream_type(tty=tty))

    @app.get("/_trimaran/containers/<name>/log")
    async def container_log(name: str) -> Response:
        return json_response(await containers.log_report(name))


def stream_type(*, tty: bool) -> str:
    """From 1.42 on, clients are told whether the stream is multiplexed."""
    return RAW_STREAM if tty or api_version() < (1, 42) else MULTIPLEXED_STREAM


def _wanted() -> Wanted:
    return Wanted(
        stdin=query_bool("stdin"),
        stdout=query_bool("stdout"),
        stderr=query_bool("stderr"),
        stream=query_bool("stream"),
        logs=query_bool("logs"),
        detach_keys=query_text("detachKeys"),
    )


def _selection() -> Selection:
    return Selection(
        stdout=query_bool("stdout"),
        stderr=query_bool("stderr"),
        follow=query_bool("follow"),
        tail=_tail(query_text("tail")),
        since_ns=moment(query_text("since"), "since"),
        until_ns=moment(query_text("until"), "until"),
        timestamps=query_bool("timestamps"),
        details=query_bool("details"),
    )


def _tail(text: str) -> int | None:
    """Anything but a number means all, as in dockerd."""
    return int(text) if text.isdecimal() else None


def moment(text: str, name: str) -> int | None:
    """Unix seconds with a fraction, or RFC 3339; in nanoseconds. None without a limit ("" and 0)."""
    if text in ("", "0"):
        return None
    if match := SECONDS.fullmatch(text):
        return int(match[1]) * 1_000_000_000 + int((match[2] or "").ljust(9, "0"))
    try:
        return parse_rfc3339(text)
    except ValueError:
        raise InvalidParameter(f'invalid value for "{name}": {text}') from None
