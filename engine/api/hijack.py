"""Taking a connection away from HTTP: attach, exec, session, and WebSockets."""

from __future__ import annotations

import base64
import binascii
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio
from quart import request
from trio_websocket import WebSocketConnection, wrap_server_stream

from engine.api.outlets import ChunkOutlet
from engine.errors import InvalidParameter

if TYPE_CHECKING:
    from engine.api.connection import Connection
    from engine.api.peers import Peer
    from engine.api.wire import Exchange

RAW_STREAM = "application/vnd.docker.raw-stream"
MULTIPLEXED_STREAM = "application/vnd.docker.multiplexed-stream"

# Writing the head of a hijacked response, and closing: bounded, the client may be stalled.
HEAD_SECONDS = 10.0


class HijackedStream(trio.abc.HalfCloseableStream):
    """The raw connection, beginning with the bytes that came along with the request."""

    def __init__(self, stream: Any, prefix: bytes, *, eof: bool = False) -> None:
        self._stream = stream
        self._prefix = bytes(prefix)
        self._eof = eof

    @property
    def socket(self) -> trio.socket.SocketType | None:
        """The socket, to write to at once; None over TLS."""
        below = self._stream
        if isinstance(below, HijackedStream):
            return below.socket
        return below.socket if isinstance(below, trio.SocketStream) else None

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Bytes of the client; b"" at the end of its input, which is not the end of ours."""
        if self._prefix:
            size = len(self._prefix) if max_bytes is None else max_bytes
            data, self._prefix = self._prefix[:size], self._prefix[size:]
            await trio.lowlevel.checkpoint()
            return data
        if self._eof:
            await trio.lowlevel.checkpoint()
            return b""
        return bytes(await self._stream.receive_some(max_bytes))

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send to the client; raises BrokenResourceError when it has gone."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """As in trio."""
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """End our output; the client may go on sending. Over TLS, where Python has no
        half-close, this closes the connection."""
        if isinstance(self._stream, trio.SSLStream):
            await self._stream.aclose()
        else:
            await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()


class Link:
    """What a handler may know of its connection, as the ASGI extension `trimaran.link`."""

    def __init__(self, connection: Connection, exchange: Exchange) -> None:
        self._connection = connection
        self._exchange = exchange
        self.hijacked = False
        self.streaming = False

    @property
    def peer(self) -> Peer | None:
        """The process at the other end of a unix socket."""
        return self._connection.peer

    @property
    def stream(self) -> Any:
        """The transport, for what TLS knows of the client."""
        return self._connection.stream

    @property
    def local(self) -> bool:
        """Whether it is a unix socket, which no browser reaches."""
        return self._connection.family == socket.AF_UNIX

    def outlet(self) -> ChunkOutlet | None:
        """To write chunks of this request's streamed response at once; None over TLS and for HTTP/1.0."""
        if (
            not isinstance(self.stream, trio.SocketStream)
            or self._exchange.scope["http_version"] != "1.1"
        ):
            return None
        return ChunkOutlet(self._connection, self.stream.socket)

    async def hijack(self, head: bytes) -> HijackedStream:
        """Stop HTTP on this connection, write the head, and hand the stream over."""
        if self.hijacked:
            raise RuntimeError("the connection is hijacked already")
        self.hijacked = True
        stream = await self._connection.hand_over()
        if head:
            with trio.fail_after(HEAD_SECONDS):
                await stream.send_all(head)
        return stream


def link() -> Link | None:
    """The current request's connection; None in Quart's test client."""
    extensions: dict[str, Any] = request.scope.get("extensions") or {}
    return extensions.get("trimaran.link")


def peer() -> Peer | None:
    """Who asks, when it asks through a unix socket."""
    current = link()
    return current.peer if current is not None else None


def asker() -> str:
    """The same in words, for the record: "uid 1000"; "" for who came over TCP."""
    found = peer()
    return f"uid {found.uid}" if found is not None else ""


async def hijack(
    *, content_type: str | None = RAW_STREAM, upgrade: bool | None = None, protocol: str = "tcp"
) -> HijackedStream:
    """Take the connection: 101 when the client asked for an upgrade, 200 when not.

    `upgrade` overrides what the client sent. What the handler returns afterwards is ignored, and
    the connection is closed when it ends. Raise before calling this to answer with an error.
    """
    current = _need_link()
    wanted = "Upgrade" in request.headers if upgrade is None else upgrade
    return await current.hijack(hijack_head(content_type, protocol if wanted else None))


def hijack_head(content_type: str | None, protocol: str | None) -> bytes:
    """The response before the raw stream, as dockerd writes it."""
    lines = ["HTTP/1.1 200 OK"]
    if protocol is not None:
        lines = ["HTTP/1.1 101 UPGRADED"]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    if protocol is not None:
        lines += ["Connection: Upgrade", f"Upgrade: {protocol}"]
    return "\r\n".join([*lines, "", ""]).encode()


@asynccontextmanager
async def hijack_websocket() -> AsyncIterator[WebSocketConnection]:
    """Take the connection and speak WebSocket on it; closed at the end of the block."""
    replayed = await hijack_handshake()
    async with trio.open_nursery() as nursery:
        with trio.fail_after(HEAD_SECONDS):
            proposal = await wrap_server_stream(nursery, replayed)
            connection = await proposal.accept()
        try:
            yield connection
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 1.0):
                await connection.aclose()
            nursery.cancel_scope.cancel()


async def hijack_handshake() -> HijackedStream:
    """Take the connection at the beginning of a WebSocket's handshake, for a library to answer it.

    InvalidParameter for what is none: the library would wait for the rest of it.
    """
    _check_handshake()
    return HijackedStream(await _need_link().hijack(b""), _request_bytes())


def _check_handshake() -> None:
    """RFC 6455, 4.2.1."""
    headers = request.headers
    upgrade = [each.strip().lower() for each in headers.get("Upgrade", "").split(",")]
    connection = [each.strip().lower() for each in headers.get("Connection", "").split(",")]
    if "websocket" not in upgrade or "upgrade" not in connection:
        raise InvalidParameter("this is a WebSocket: the request must ask for an upgrade to it")
    if headers.get("Sec-WebSocket-Version", "").strip() != "13":
        raise InvalidParameter("only version 13 of the WebSocket protocol is spoken")
    try:
        key = base64.b64decode(headers.get("Sec-WebSocket-Key", "").strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != 16:
        raise InvalidParameter("invalid Sec-WebSocket-Key")


def _request_bytes() -> bytes:
    scope: Any = request.scope
    query = b"?" + scope["query_string"] if scope["query_string"] else b""
    lines = [b"%s %s%s HTTP/1.1" % (scope["method"].encode(), scope["raw_path"], query)]
    lines += [name + b": " + value for name, value in scope["headers"]]
    return b"\r\n".join([*lines, b"", b""])


def _need_link() -> Link:
    current = link()
    if current is None:
        raise RuntimeError("this server cannot hand its connections over")
    return current
