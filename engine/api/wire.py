"""HTTP/1.1 on one connection: Hypercorn's protocol and stream, made fit for hijacking.

Differences to Hypercorn: Upgrade requests are ours (also h2c, which Java clients send along);
the read loop never blocks on a pipelined request; a short response leaves in one write; reason
phrases are sent; a body that nobody reads is drained, so that the client sees the answer.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

import h11
import trio
from hypercorn.config import Config
from hypercorn.events import Closed, RawData, Updated
from hypercorn.protocol.events import Body, EndBody, Request, Response, StreamClosed
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol
from hypercorn.protocol.http_stream import ASGIHTTPState, HTTPStream
from hypercorn.typing import H11SendableEvent, HTTPScope

from engine.api.hijack import Link

if TYPE_CHECKING:
    from engine.api.connection import Connection

log = logging.getLogger(__name__)

# How much of a pipelined request is read before its predecessor is answered.
PIPELINE_LIMIT = 1024 * 1024
# Chunks of 64 KiB between the read loop and a handler.
BODY_CHUNKS = 8


class WireConfig(Config):
    """Hypercorn's settings as dockerd's clients need them."""

    include_server_header = False
    include_date_header = True
    # X-Registry-Config holds the credentials of every registry that a build may use.
    h11_max_incomplete_size = 1024 * 1024
    keep_alive_max_requests = 2**63
    ssl_handshake_timeout = 10.0

    _date: tuple[int, bytes] = (0, b"")

    def response_headers(self, protocol: str) -> list[tuple[bytes, bytes]]:  # noqa: ARG002
        """Date alone, formatted once a second."""
        now = int(time.time())
        if self._date[0] != now:
            self._date = (now, formatdate(now, usegmt=True).encode())
        return [(b"Date", self._date[1])]


class Wire(H11Protocol):
    """The protocol of one connection; `Connection` owns the socket and the read loop."""

    connection: h11.Connection
    stream: Exchange | None

    def __init__(self, owner: Connection, *args: Any) -> None:
        super().__init__(*args)
        self.owner = owner
        self.corked: list[bytes] | None = None
        self.draining = False
        self.paused = False
        self.upgradable = False

    @property
    def pipelined(self) -> int:
        """Bytes read beyond the current request."""
        return len(self.connection.trailing_data[0]) if self.paused else 0

    def feed(self, data: bytes) -> None:
        """Take bytes without looking at them: they belong to whoever hijacks."""
        self.connection.receive_data(data)

    async def resume(self) -> None:
        """Handle what came in while the previous request was answered."""
        await self._handle_events()

    async def stream_send(self, event: StreamEvent) -> None:
        """Hypercorn's, but with a reason phrase."""
        if not isinstance(event, Response):
            await super().stream_send(event)
            return
        await self._send_h11_event(
            h11.Response(
                headers=[*event.headers, *self.config.response_headers("h11")],
                status_code=event.status_code,
                reason=_reason(event.status_code),
            )
        )

    async def _send_error_response(self, status_code: int) -> None:
        """What cannot be parsed has Go's plain answer."""
        reason = _reason(status_code)
        body = b"%d %s" % (status_code, reason)
        headers = [
            (b"Content-Type", b"text/plain; charset=utf-8"),
            (b"Content-Length", b"%d" % len(body)),
            (b"Connection", b"close"),
        ]
        response = h11.Response(status_code=status_code, headers=headers, reason=reason)
        for event in (response, h11.Data(data=body), h11.EndOfMessage()):
            await self._send_h11_event(event)

    async def send_continue(self) -> None:
        """Let a client that waits for it send its body: only once a handler asks for that."""
        if self.connection.they_are_waiting_for_100_continue:
            await self._send_h11_event(
                h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
            )

    async def _send_h11_event(self, event: H11SendableEvent) -> None:
        try:
            data = self.connection.send(event)
        except h11.LocalProtocolError:
            if self.connection.their_state is not h11.ERROR:
                raise
            return
        if self.corked is not None:
            self.corked.append(data or b"")
        elif data:
            await self.send(RawData(data=data))

    async def uncork(self) -> None:
        """Write what the cork held back, in one piece."""
        held, self.corked = self.corked, None
        if held:
            await self.send(RawData(data=b"".join(held)))

    async def _handle_events(self) -> None:
        """Body data of one read goes on in one piece: clients write tar headers as chunks of their own."""
        self.paused = False
        body: list[bytes] = []
        while not self.owner.hijacking.is_set():
            try:
                event = self.connection.next_event()
            except h11.RemoteProtocolError as error:
                await self._handle_body(body)
                if self.connection.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
                    await self._send_error_response(error.error_status_hint)
                await self.send(Closed())
                return
            if isinstance(event, h11.Data):
                body.append(event.data)
                continue
            await self._handle_body(body)
            if event is h11.PAUSED:
                self.paused = True
                return
            if event is h11.NEED_DATA or isinstance(event, h11.ConnectionClosed):
                return
            await self._handle_one(event)

    async def _handle_body(self, pieces: list[bytes]) -> None:
        if pieces and self.stream is not None:
            await self.stream.handle(Body(stream_id=STREAM_ID, data=b"".join(pieces)))
        pieces.clear()

    async def _handle_one(self, event: Any) -> None:
        if isinstance(event, h11.Request):
            await self.send(Updated(idle=False))
            await self._create_stream(event)
        elif isinstance(event, h11.EndOfMessage):
            if self.stream is not None:
                await self.stream.handle(EndBody(stream_id=STREAM_ID))
            elif self.draining:
                self.draining = False
                await self._maybe_recycle()

    async def _create_stream(self, request: h11.Request) -> None:
        upgrade = next((value for name, value in request.headers if name == b"upgrade"), b"")
        self.upgradable = upgrade.strip().lower() in {b"tcp", b"websocket"}
        self.stream = Exchange(
            self,
            self.app,
            self.config,
            self.context,
            self.task_group,
            self.ssl,
            self.client,
            self.server,
            self.stream_send,
            STREAM_ID,
        )
        self.stream.expecting = self.connection.they_are_waiting_for_100_continue
        await self.stream.handle(
            Request(
                stream_id=STREAM_ID,
                headers=request.headers.raw_items(),
                http_version=request.http_version.decode(),
                method=request.method.decode("ascii").upper(),
                raw_path=request.target,
                state=self.connection_state,
            )
        )

    async def _maybe_recycle(self) -> None:
        stream = self.stream
        await self._close_stream()
        ours, theirs = self.connection.our_state, self.connection.their_state
        unread = ours is h11.DONE and theirs is h11.SEND_BODY
        if unread and stream is not None and not stream.expecting and not self._terminated:
            self.draining = True
            self.owner.linger()
        elif ours is h11.DONE and theirs is h11.DONE and not self._terminated:
            self.connection.start_next_cycle()
            await self.send(Updated(idle=True))
            if self.paused:
                self.owner.wake()
        else:
            await self.send(Closed())

    @property
    def _terminated(self) -> bool:
        return self.context.terminated.is_set()


class Exchange(HTTPStream):
    """One request and its response; the handler's task is cancelled when the client goes away."""

    def __init__(self, wire: Wire, *args: Any) -> None:
        super().__init__(*args)
        self.wire = wire
        self.expecting = False
        self.cancel_scope = trio.CancelScope()
        self.link = Link(wire.owner, self)
        self._body_in, self._body_out = trio.open_memory_channel[dict[str, Any]](BODY_CHUNKS)

    async def handle(self, event: StreamEvent) -> None:
        """Take an event of the protocol."""
        if self.closed:
            return
        if isinstance(event, Request):
            self._begin(event)
        elif isinstance(event, Body):
            await self._deliver({"body": bytes(event.data), "more_body": True})
        elif isinstance(event, EndBody):
            await self._deliver({"body": b"", "more_body": False})
        elif isinstance(event, StreamClosed):
            self.closed = True
            # After a whole response there is nothing to cancel, and Hypercorn's disconnect
            # message would cancel the start of the keep-alive timer instead.
            if self.state is not ASGIHTTPState.CLOSED:
                self.cancel_scope.cancel()
            self._body_out.close()

    def _begin(self, event: Request) -> None:
        self.start_time = time.time()
        path, _, query = event.raw_path.partition(b"?")
        scope: dict[str, Any] = {
            "type": "http",
            "http_version": event.http_version,
            "asgi": {"spec_version": "2.1", "version": "3.0"},
            "method": event.method,
            "scheme": self.scheme,
            "path": _unquote(path),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": event.headers,
            "client": self.client,
            "server": self.server,
            "state": {},
            "extensions": {"trimaran.link": self.link, "trimaran.hijack": self.link.hijack},
        }
        self.scope = cast(HTTPScope, scope)
        self.task_group.spawn(self._run)

    async def _deliver(self, message: dict[str, Any]) -> None:
        # When the response is complete, or the connection hijacked, the rest is dropped.
        with suppress(trio.BrokenResourceError):
            await self._body_in.send({"type": "http.request", **message})

    def drop_body(self) -> None:
        """Nobody will read the request's body."""
        self._body_out.close()

    async def _receive(self) -> Any:
        if self.expecting:
            self.expecting = False
            await self.wire.send_continue()
        try:
            return await self._body_out.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError):
            return {"type": "http.disconnect"}

    async def _run(self) -> None:
        with self.cancel_scope:
            try:
                await self.app(self.scope, self._receive, self.app_send)  # type: ignore[call-arg]
            except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - the log is the answer
                _reraise_cancelled(error)
        if self.link.hijacked:
            await self.wire.owner.finish_hijack()
        elif not self.closed:
            await self.app_send(None)

    async def app_send(self, message: Any) -> None:
        """Take an ASGI message; one that says `trimaran.whole` is sent together with its body."""
        if message is None and self.wire.corked is not None:
            await self.wire.uncork()
        if message is not None and message.get("trimaran.whole"):
            self.wire.corked = []
        await super().app_send(message)

    async def _send_closed(self) -> None:
        await self.send(EndBody(stream_id=self.stream_id))
        if self.wire.corked is not None:
            await self.wire.uncork()
        self.state = ASGIHTTPState.CLOSED
        await self.send(StreamClosed(stream_id=self.stream_id))


def _reraise_cancelled(error: BaseException) -> None:
    """Log what a handler raised; let cancellation, and it alone, pass."""
    cancelled = None
    other: BaseException | None = error
    if isinstance(error, BaseExceptionGroup):
        cancelled, other = error.split(trio.Cancelled)
    if other is not None:
        log.error("a request failed while it was answered", exc_info=other)
    if cancelled is not None:
        raise cancelled


def _unquote(path: bytes) -> str:
    text = path.decode("latin1")
    return unquote(text) if "%" in text else text


def _reason(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""
