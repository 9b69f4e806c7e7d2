"""One client connection: the socket, the read loop, the idle deadline and the hand-over to a hijacker."""

from __future__ import annotations

import logging
import math
import socket
import ssl
from collections.abc import Callable
from typing import Any

import trio
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from hypercorn.utils import parse_socket_addr

from engine.api.hijack import HijackedStream
from engine.api.peers import Peer, peer_of
from engine.api.wire import PIPELINE_LIMIT, Wire, WireConfig

log = logging.getLogger(__name__)

MAX_READ = 65536
IDLE_SECONDS = 900.0  # dockerd has no limit; a pool that reuses a connection later reconnects
HEAD_SECONDS = 30.0
"""What a request's head may take from its first byte, and the first one from the connection's beginning."""
LINGER_SECONDS = 2.0  # for the rest of an upload that was answered early

Transport = trio.SocketStream | trio.SSLStream[trio.SocketStream]


class Connection(TCPServer):
    """Hypercorn's connection with a read loop that can be woken, parked and given a deadline."""

    stream: Any
    wire: Wire

    def __init__(
        self,
        app: Any,
        config: WireConfig,
        context: WorkerContext,
        stream: Transport,
        *,
        head_seconds: float = HEAD_SECONDS,
        on_request: Callable[[], None] | None = None,
    ) -> None:
        """`on_request` is called when the first head is complete: until then the connection is half-open."""
        super().__init__(app, config, context, {}, stream)  # type: ignore[arg-type]
        self.idle = True
        self.fresh = True
        self._head_seconds = head_seconds
        self._on_request = on_request
        self._heading = False
        self.hijacking = trio.Event()
        self.peer: Peer | None = None
        self.family = int(socket.AF_UNIX)
        self._reading: trio.CancelScope | None = None
        self._deadline = math.inf
        self._woken = False
        self._parked = trio.Event()
        self._hijack_eof = False

    async def run(self) -> None:
        """Serve until either side closes. Never raises but for cancellation: a bug is logged."""
        try:
            async with TaskGroup() as self._task_group:
                if await self._open():
                    await self._read_data()
        except Exception:
            log.exception("a connection failed")
        finally:
            await self._close()

    async def _open(self) -> bool:
        if isinstance(self.stream, trio.SSLStream):
            with trio.move_on_after(self.config.ssl_handshake_timeout) as limit:
                try:
                    await self.stream.do_handshake()
                except (trio.BrokenResourceError, ssl.SSLError):
                    return False
            if limit.cancelled_caught:
                return False
        sock = getattr(self.stream, "transport_stream", self.stream).socket
        self.family = sock.family
        try:
            client, server = sock.getpeername(), sock.getsockname()
            self.peer = peer_of(sock)
        except OSError:
            return False  # gone already
        self.wire = Wire(
            self,
            self.app,
            self.config,
            self.context,
            self._task_group,
            ConnectionState({}),
            isinstance(self.stream, trio.SSLStream),
            parse_socket_addr(sock.family, client),
            parse_socket_addr(sock.family, server),
            self.protocol_send,
        )
        self.protocol = self.wire  # type: ignore[assignment]
        self._set_idle(idle=True)
        self._await_head()
        return True

    async def _read_data(self) -> None:
        while not self.hijacking.is_set():
            if self._woken:
                self._woken = False
                await self.wire.resume()
                continue
            with trio.CancelScope(deadline=self._deadline) as self._reading:
                if self.wire.pipelined > PIPELINE_LIMIT:
                    await trio.sleep_forever()  # until the request before it is answered
                try:
                    data = await self.stream.receive_some(MAX_READ)
                except (trio.ClosedResourceError, trio.BrokenResourceError):
                    data = b""
            if self._reading.cancelled_caught:  # also by wake() and hand_over(), which set flags
                if not (self._woken or self.hijacking.is_set()):
                    break  # idle for too long, or asked to end
                continue
            self.fresh = False
            if self.hijacking.is_set():
                self.wire.feed(bytes(data))
                break
            await self.wire.handle(RawData(bytes(data)))
            if self.idle and not self._heading:
                self._await_head()
            if not data:
                if self.wire.upgradable and self.wire.paused:
                    # Half-closed by a client that sent its whole stdin along: the end of its
                    # input, not of the connection.
                    self._hijack_eof = True
                    self._parked.set()
                    return
                break
        if self.hijacking.is_set():
            self._parked.set()
        else:
            await self.wire.handle(Closed())

    async def protocol_send(self, event: Event) -> None:
        """Unlike Hypercorn's, a write can be cancelled: a stalled reader must not block the end."""
        if isinstance(event, RawData):
            async with self.send_lock:
                try:
                    await self.stream.send_all(event.data)
                    return
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    pass
            await self.wire.handle(Closed())
        elif isinstance(event, Closed):
            await self._close()
            await self.wire.handle(Closed())
        elif isinstance(event, Updated):
            self._set_idle(idle=event.idle)

    def _await_head(self) -> None:
        """From here on a head must come to its end in time, however much of it trickles in."""
        self._heading = True
        self._limit_read(trio.current_time() + self._head_seconds)

    def _set_idle(self, *, idle: bool) -> None:
        self.idle = idle
        self._heading = False
        if not idle and self._on_request is not None:
            self._on_request()
            self._on_request = None
        self._limit_read(trio.current_time() + IDLE_SECONDS if idle else math.inf)
        if idle and self.context.terminated.is_set():
            self.end()

    def linger(self) -> None:
        """Read on for a moment, to drain a body that nobody wants."""
        self._limit_read(trio.current_time() + LINGER_SECONDS)

    def _limit_read(self, deadline: float) -> None:
        self._deadline = deadline
        if self._reading is not None:
            self._reading.deadline = deadline

    def wake(self) -> None:
        """Have the read loop handle what it has already read."""
        self._woken = True
        if self._reading is not None:
            self._reading.cancel()

    def end(self, patience: float = 0.0) -> None:
        """End an idle connection, unless something comes within so many seconds."""
        self._limit_read(trio.current_time() + patience if patience else -math.inf)

    def cancel_stream(self) -> None:
        """Cancel a response that may go on for ever, or a hijacked connection."""
        exchange = self.wire.stream if hasattr(self, "wire") else None
        if exchange is not None and (exchange.link.streaming or exchange.link.hijacked):
            exchange.cancel_scope.cancel()

    async def hand_over(self) -> HijackedStream:
        """Stop reading and give the raw stream away, with what was read beyond the request."""
        self.hijacking.set()
        if self._reading is not None:
            self._reading.cancel()
        if self.wire.stream is not None:
            self.wire.stream.drop_body()
        await self._parked.wait()
        trailing, ended = self.wire.connection.trailing_data
        return HijackedStream(self.stream, trailing, eof=ended or self._hijack_eof)

    async def finish_hijack(self) -> None:
        """The hijacker is done."""
        await self._close()

    async def _close(self) -> None:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + LINGER_SECONDS):
            await super()._close()
