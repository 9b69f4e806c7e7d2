"""A gRPC channel to containerd on trio: it connects, reconnects for ever, and fails what was lost."""

from __future__ import annotations

import contextlib
import math
import socket
from types import TracebackType
from typing import Any, Literal, cast

import trio
from grpclib import client as grpclib_client
from grpclib.config import Configuration
from grpclib.const import Cardinality
from grpclib.encoding.proto import ProtoCodec
from grpclib.events import _DispatchChannelEvents
from grpclib.metadata import Deadline, _MetadataLike
from h2.config import H2Configuration
from multidict import MultiDict

from engine.adapters.containerd.protocol import CallScope, Protocol
from engine.errors import Unavailable

State = Literal["connecting", "ready", "disconnected"]

# An attempt at a missing socket costs microseconds, and containerd boots in 60 ms.
FIRST_DELAY = 0.02
GROWTH = 1.3
LONGEST_DELAY = 2.0
HANDSHAKE_LIMIT = 10.0
READY_LIMIT = 5.0
STREAM_WINDOW = 4 * 1024 * 1024
# Many stalled readers together must not close the connection's window for the calls beside them.
CONNECTION_WINDOW = 64 * 1024 * 1024


class Stream(grpclib_client.Stream[Any, Any]):
    """A call: grpclib's, with a deadline on trio's clock and an end that needs no await."""

    local_deadline = math.inf
    over = False

    async def __aenter__(self) -> Stream:
        self._wrapper = CallScope(self.local_deadline)
        self._channel._calls_started += 1
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        if self.over:
            return
        try:
            await super().__aexit__(exc_type, exc_val, exc_tb)
        finally:
            self.over = True

    @property
    def scope(self) -> CallScope:
        """What wakes who waits inside the call; a task inside it enters grpclib's steps for nothing."""
        return cast(CallScope, self._wrapper)

    async def begin(self) -> None:
        """The headers alone, at once: they are held back for a first message, and here none need follow."""
        await self.send_request()
        cast(Any, self._stream.connection).flush()

    def abandon(self) -> None:
        """End the call now, telling the server if it is still at work; safe to repeat."""
        if self._send_request_done and not self.over:
            self.over = True
            if self._stream.closable:
                self._stream.reset_nowait()
            self._release_stream()


class Channel(grpclib_client.Channel):
    """Serves generated stubs over a unix socket. `run` is its life; calls wait for `ready`."""

    def __init__(
        self,
        path: str,
        *,
        name: str = "containerd",
        ready_limit: float = READY_LIMIT,
        stream_window: int = STREAM_WINDOW,
        connection_window: int = CONNECTION_WINDOW,
    ) -> None:
        # Not grpclib's __init__: it asks asyncio for a loop.
        self.path = path
        self._codec = ProtoCodec()
        self._status_details_codec = None
        self._scheme = "http"
        self._authority = "localhost"
        self._h2_config = H2Configuration(
            client_side=True,
            header_encoding="ascii",
            validate_inbound_headers=False,
            validate_outbound_headers=False,
            normalize_inbound_headers=False,
            normalize_outbound_headers=False,
        )
        self._config = Configuration(
            http2_connection_window_size=connection_window,
            http2_stream_window_size=stream_window,
        ).__for_client__()
        self.__dispatch__ = _DispatchChannelEvents()
        self._protocol: Protocol | None = None
        self.name = name
        self.ready_limit = ready_limit
        self.state: State = "disconnected"
        self.reason = "not started"
        self.generation = 0
        self._changed = trio.Event()
        self._nudged = trio.Event()
        self._life = trio.CancelScope()

    def __repr__(self) -> str:
        return f"<Channel {self.name} {self.path} {self.state} generation={self.generation}>"

    def __del__(self) -> None:
        pass  # grpclib's would talk to an asyncio loop

    # The life of the channel

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Stay connected until `stop`. Being away is a state, so it starts at once.

        The same channel may be run again after a crash: those who hold it need not know.
        """
        self._life = trio.CancelScope()
        task_status.started()
        try:
            with self._life:
                await self._stay_connected()
        finally:
            self.reason = "shut down"
            self._set_state("disconnected")

    async def stop(self) -> None:
        """End `run`; calls in flight fail with Unavailable."""
        self._life.cancel()

    def nudge(self) -> None:
        """Try again now: whoever started containerd knows better than the back-off."""
        self._nudged.set()

    async def wait_ready(self, timeout: float | None = None) -> None:
        """Return when calls can be made; raise Unavailable after `timeout` seconds."""
        with trio.move_on_after(self.ready_limit if timeout is None else timeout):
            while self.state != "ready":
                await self._changed.wait()
            return
        raise Unavailable(f"{self.name} is not available at {self.path}: {self.reason}")

    async def next_connection(self, after: int = 0) -> int:
        """Wait for a connection newer than generation `after`, and return its generation."""
        while self.state != "ready" or self.generation <= after:
            await self._changed.wait()
        return self.generation

    async def changed(self) -> State:
        """Wait for the next change of state, and return the state that it led to."""
        await self._changed.wait()
        return self.state

    @property
    def open_streams(self) -> int:
        return 0 if self._protocol is None else self._protocol.open_streams

    # What grpclib's stubs and streams ask of a channel

    async def __connect__(self) -> Protocol:
        if self.state != "ready":
            await self.wait_ready()
        assert self._protocol is not None
        return self._protocol

    def request(
        self,
        name: str,
        cardinality: Cardinality,
        request_type: type[Any],
        reply_type: type[Any],
        *,
        timeout: float | None = None,
        deadline: Deadline | None = None,
        metadata: _MetadataLike | None = None,
    ) -> Stream:
        if timeout is not None:
            deadline = Deadline.from_timeout(timeout)
        stream = Stream(
            self,
            name,
            cast(Any, MultiDict(metadata or ())),
            cardinality,
            request_type,
            reply_type,
            codec=self._codec,
            status_details_codec=None,
            dispatch=self.__dispatch__,
            deadline=deadline,
        )
        if timeout is not None:
            stream.local_deadline = trio.current_time() + timeout
        return stream

    # One connection after the other

    async def _stay_connected(self) -> None:
        delay = FIRST_DELAY
        while True:
            self._set_state("connecting")
            generation = self.generation
            await self._connection()
            self._set_state("disconnected")
            delay = FIRST_DELAY if self.generation > generation else delay * GROWTH
            await self._pause(delay := min(delay, LONGEST_DELAY))

    async def _connection(self) -> None:
        """Connect and serve until the other side is gone."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with contextlib.closing(sock):
            sock.setblocking(False)
            try:
                # A unix socket connects at once or not at all (EAGAIN: its backlog is full).
                sock.connect(self.path)
            except OSError as error:
                self.reason = error.strerror or str(error)
                return
            with trio.CancelScope(deadline=trio.current_time() + HANDSHAKE_LIMIT) as handshake:
                await self._serve(sock, handshake)
            if handshake.cancelled_caught:
                self.reason = "no HTTP/2 handshake"

    async def _serve(self, sock: socket.socket, handshake: trio.CancelScope) -> None:
        def on_ready() -> None:
            if self.state != "ready":
                handshake.deadline = math.inf
                self.generation += 1
                self.reason = "connection lost"
                self._protocol = protocol
                self._set_state("ready")

        handler = grpclib_client.Handler()
        protocol = Protocol(handler, self._config, self._h2_config, sock, on_ready)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(protocol.transport.drain)
                protocol.start()
                while data := await protocol.transport.read():
                    protocol.data_received(data)
                nursery.cancel_scope.cancel()
        finally:
            self._protocol = None
            self._set_state("disconnected")
            protocol.connection_lost(None)

    async def _pause(self, delay: float) -> None:
        with trio.move_on_after(delay):
            await self._nudged.wait()
        if self._nudged.is_set():
            self._nudged = trio.Event()

    def _set_state(self, state: State) -> None:
        if state != self.state:
            self.state = state
            self._changed.set()
            self._changed = trio.Event()
