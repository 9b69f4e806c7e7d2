"""grpclib's HTTP/2 protocol classes with trio's primitives in place of asyncio's."""

from __future__ import annotations

import math
import socket
from collections import Counter, deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, cast

import trio
from grpclib import protocol as grpclib_protocol
from grpclib.config import Configuration
from grpclib.const import Status
from grpclib.exceptions import GRPCError, StreamTerminatedError
from grpclib.utils import Wrapper
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import Event, RemoteSettingsChanged, StreamReset
from h2.exceptions import NoAvailableStreamIDError, ProtocolError, TooManyStreamsError
from h2.settings import SettingCodes

from engine.adapters.containerd.gate import Gate
from engine.adapters.containerd.transport import SocketTransport

MESSAGE_LIMIT = 16 * 1024 * 1024  # containerd's own limit for a gRPC message
LONG_WRITE = 256 * 1024  # a message of this size gives other tasks a turn first


class CallScope(Wrapper):
    """Wakes the tasks inside a call when its stream is terminated or its deadline passes.

    A task may enter it again: then its first entry stands for all, and raises what has happened.
    """

    def __init__(self, deadline: float = math.inf) -> None:
        self._deadline = deadline
        self._scopes: dict[trio.lowlevel.Task, trio.CancelScope] = {}
        self._again: Counter[trio.lowlevel.Task] = Counter()

    def __enter__(self) -> None:
        if self._error is not None:
            raise self._error
        task = trio.lowlevel.current_task()
        if task in self._scopes:
            self._again[task] += 1
            return
        scope = trio.CancelScope(deadline=self._deadline)
        scope.__enter__()
        self._scopes[task] = scope

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        task = trio.lowlevel.current_task()
        if self._again[task]:
            self._again[task] -= 1
            return
        scope = self._scopes.pop(task)
        # A step that finished in the same turn as the stream's end keeps its result.
        scope.__exit__(exc_type, exc_val, exc_tb)
        if scope.cancelled_caught:
            raise self._error or GRPCError(Status.DEADLINE_EXCEEDED, "context deadline exceeded")

    def cancel(self, error: Exception) -> None:
        self._error = error
        self.cancelled = True
        for scope in self._scopes.values():
            scope.cancel()


class Buffer:
    """A stream's received bytes; flow control is returned as they are read, not as they come."""

    def __init__(self, ack: Callable[[int], None]) -> None:
        self._ack = ack
        self._chunks: deque[tuple[memoryview, int]] = deque()
        self._eof = False
        self._arrived = Gate()

    def add(self, data: bytes, ack_size: int) -> None:
        self._chunks.append((memoryview(data), ack_size))
        self._arrived.set()

    def eof(self) -> None:
        self._eof = True
        self._arrived.set()

    async def read(self, size: int) -> bytes:
        """Exactly `size` bytes, or none at the stream's end. Cancelled, the stream is of no more use."""
        parts: list[memoryview] = []
        missing = size
        while missing:
            if self._chunks:
                chunk, ack_size = self._chunks.popleft()
                if ack_size:
                    self._ack(ack_size)
                if len(chunk) > missing:
                    self._chunks.appendleft((chunk[missing:], 0))
                    chunk = chunk[:missing]
                parts.append(chunk)
                missing -= len(chunk)
            elif self._eof:
                if parts:
                    raise StreamTerminatedError("stream ended inside a message")
                return b""
            else:
                self._arrived.clear()
                await self._arrived.wait()
        return b"".join(parts)

    def unacked_size(self) -> int:
        size = sum(ack_size for _, ack_size in self._chunks)
        self._chunks.clear()
        return size


class Stream(grpclib_protocol.Stream):
    """One HTTP/2 stream: a call in flight."""

    def __init__(
        self,
        connection: Connection,
        h2_connection: H2Connection,
        transport: SocketTransport,
        *,
        wrapper: Wrapper | None,
    ) -> None:
        self.connection = connection
        self._h2_connection = h2_connection
        self._transport = cast(Any, transport)
        self.wrapper = wrapper
        self.window_updated = cast(Any, Gate())
        self.headers = None
        self.headers_received = cast(Any, Gate())
        self.trailers = None
        self.trailers_received = cast(Any, Gate())

    def init_stream(self, stream_id: int, connection: grpclib_protocol.Connection) -> None:
        super().init_stream(stream_id, connection)
        self.buffer = cast(Any, Buffer(lambda size: connection.ack(stream_id, size)))

    async def send_request(
        self,
        headers: list[tuple[str, str]],
        end_stream: bool = False,
        *,
        _processor: grpclib_protocol.EventsProcessor,
    ) -> Callable[[], None]:
        """grpclib's, but the headers wait in the state machine for the message that follows at once.

        Each write wakes containerd, on a busy machine in this task's place.
        """
        connection, h2 = self.connection, self._h2_connection
        while True:
            await connection.write_ready.wait()
            try:
                stream_id = h2.get_next_available_stream_id()
                h2.send_headers(stream_id, headers, end_stream=end_stream)
            except TooManyStreamsError:
                connection.stream_close_waiter.clear()
                await connection.stream_close_waiter.wait()
                continue
            except NoAvailableStreamIDError:
                # After a billion calls a connection is used up; the channel makes the next one.
                connection.close()
                raise StreamTerminatedError("connection used up") from None
            self.init_stream(stream_id, connection)
            release = _processor.register(self)
            if end_stream:
                connection.flush()
            connection.headers_send_process()
            return release

    async def recv_data(self, size: int) -> bytes:
        if size > MESSAGE_LIMIT:
            raise GRPCError(Status.RESOURCE_EXHAUSTED, f"received message of {size} bytes")
        return await super().recv_data(size)

    async def send_data(self, data: bytes, end_stream: bool = False) -> None:
        if len(data) > MESSAGE_LIMIT:
            raise GRPCError(Status.RESOURCE_EXHAUSTED, f"message of {len(data)} bytes to send")
        if len(data) > LONG_WRITE:
            await trio.lowlevel.checkpoint()
        sent = 0
        while True:
            window = await self._window()
            end = min(sent + window, len(data))
            self._put_frames(data, sent, end, end_stream=end_stream and end == len(data))
            self.connection.flush()
            if end == len(data):
                return
            sent = end

    async def _window(self) -> int:
        """How many bytes may be sent now, more than none; the headers do not wait for that."""
        assert self.id is not None
        while True:
            if not self.connection.write_ready.is_set():
                self.connection.flush()
                await self.connection.write_ready.wait()
            window = self._h2_connection.local_flow_control_window(self.id)
            if window > 0:
                return window
            self.connection.flush()
            self.window_updated.clear()
            await self.window_updated.wait()

    def _put_frames(self, data: bytes, begin: int, end: int, *, end_stream: bool) -> None:
        """Into the state machine, to be written at once: each write costs a call, and may wake containerd."""
        assert self.id is not None
        longest = self._h2_connection.max_outbound_frame_size
        for start in range(begin, end, longest) or (begin,):
            piece = data[start : min(start + longest, end)]
            last = start + longest >= end
            self._h2_connection.send_data(self.id, piece, end_stream=end_stream and last)
            self.data_sent += len(piece)
            self.connection.data_sent += len(piece)
            self.connection.data_send_process()

    def reset_nowait(self, error_code: ErrorCodes = ErrorCodes.CANCEL) -> None:
        """The server must know that nobody listens: NO_ERROR, grpclib's default, says less."""
        super().reset_nowait(error_code)


class Connection(grpclib_protocol.Connection):
    """Owns `write_ready` and what the HTTP/2 state machine wants sent."""

    def __init__(
        self, connection: H2Connection, transport: SocketTransport, config: Configuration
    ) -> None:
        self._connection = connection
        self._transport = cast(Any, transport)
        self._config = config
        self.write_ready = cast(Any, Gate(is_open=True))
        self.stream_close_waiter = cast(Any, Gate())

    def create_stream(
        self, *, stream_id: int | None = None, wrapper: Wrapper | None = None
    ) -> Stream:
        if stream_id is not None:
            raise ProtocolError("containerd opened a stream towards its client")
        return Stream(self, self._connection, cast(Any, self._transport), wrapper=wrapper)

    def close(self) -> None:
        # Unlike grpclib's, it keeps its attributes: an acknowledgement may still come by.
        self._transport.close()


class Processor(grpclib_protocol.EventsProcessor):
    """Takes HTTP/2 events to their streams."""

    def __init__(self, handler: Any, connection: Connection, on_ready: Callable[[], None]) -> None:
        super().__init__(handler, connection)
        self._on_ready = on_ready

    def process(self, event: Event) -> None:
        # Frames of unknown kinds must be ignored (RFC 9113, 4.1); grpclib raises.
        if type(event) in getattr(self, "processors", ()):
            super().process(event)

    def process_remote_settings_changed(self, event: RemoteSettingsChanged) -> None:
        super().process_remote_settings_changed(event)
        self._on_ready()

    def process_stream_reset(self, event: StreamReset) -> None:
        # grpc-go resets with NO_ERROR after the trailers when the client has not half-closed;
        # an answer that is complete and good stays readable.
        stream = self.streams.get(event.stream_id)
        trailers = dict((stream is not None and stream.trailers) or ())
        if stream is not None and trailers.get("grpc-status") == "0":
            stream.window_updated.set()
            return
        super().process_stream_reset(event)


class Protocol(grpclib_protocol.H2Protocol):
    """One connection to one server, from its preface to its loss."""

    connection: Connection
    processor: Processor

    def __init__(
        self,
        handler: Any,
        config: Configuration,
        h2_config: H2Configuration,
        sock: socket.socket,
        on_ready: Callable[[], None],
    ) -> None:
        super().__init__(handler, config, h2_config)
        self.h2 = H2Connection(config=h2_config)
        self.transport = SocketTransport(
            sock,
            pause=lambda: self.connection.pause_writing(),
            resume=lambda: self.connection.resume_writing(),
        )
        self.connection = Connection(self.h2, self.transport, config)
        self.processor = Processor(handler, self.connection, on_ready)

    def start(self) -> None:
        """Send the preface and open the receive windows."""
        self.h2.initiate_connection()
        initial = self.h2.local_settings.initial_window_size
        if delta := self.config.http2_connection_window_size - initial:
            self.h2.increment_flow_control_window(delta)
        window = self.config.http2_stream_window_size
        if window != initial:
            self.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.connection.flush()

    @property
    def open_streams(self) -> int:
        """Calls in flight, counted on both sides of the state machine."""
        return max(self.h2.open_outbound_streams, len(self.processor.streams))
