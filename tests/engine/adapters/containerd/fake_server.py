"""A gRPC server of a few lines that answers, resets, stalls or hangs up as a test tells it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import trio
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, RequestReceived, StreamEnded, StreamReset

Answer = Callable[["Connection", int], None]


class Connection:
    """One accepted connection, seen from the server."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))

    def answer(self, stream_id: int, message: bytes = b"", status: int = 0, text: str = "") -> None:
        """A whole answer: headers, one message, trailers."""
        self.begin(stream_id)
        self.h2.send_data(stream_id, b"\0" + len(message).to_bytes(4, "big") + message)
        self.trailers(stream_id, status, text)

    def begin(self, stream_id: int) -> None:
        headers = [(":status", "200"), ("content-type", "application/grpc")]
        self.h2.send_headers(stream_id, headers)

    def trailers(self, stream_id: int, status: int, text: str = "") -> None:
        trailers = [("grpc-status", str(status)), ("grpc-message", text)]
        self.h2.send_headers(stream_id, trailers, end_stream=True)

    def reset(self, stream_id: int, code: ErrorCodes) -> None:
        self.h2.reset_stream(stream_id, code)

    async def flush(self) -> None:
        await self.stream.send_all(self.h2.data_to_send())


class FakeServer:
    """Calls `answer` with each request that is complete; keeps what it saw."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.answer: Answer = lambda connection, stream_id: connection.answer(stream_id)
        self.answer_early = False  # at the headers, not at the request's end
        self.silent = False  # accepts, and says nothing
        self.headers: list[dict[str, str]] = []
        self.resets: list[Any] = []
        self.reset_seen = trio.Event()
        self.request_seen = trio.Event()
        self.connections: list[Connection] = []

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        with trio.socket.socket(socket.AF_UNIX) as listener:
            await listener.bind(self.path)
            listener.listen()
            task_status.started()
            await trio.serve_listeners(self._serve, [trio.SocketListener(listener)])

    async def hang_up(self) -> None:
        for connection in self.connections:
            await connection.stream.aclose()
        self.connections.clear()

    async def _serve(self, stream: trio.SocketStream) -> None:
        connection = Connection(stream)
        self.connections.append(connection)
        if self.silent:
            await trio.sleep_forever()
        connection.h2.initiate_connection()
        try:
            await connection.flush()
            while data := await stream.receive_some():
                for event in connection.h2.receive_data(data):
                    self._handle(connection, event)
                await connection.flush()
        except (trio.ClosedResourceError, trio.BrokenResourceError):
            pass

    def _handle(self, connection: Connection, event: object) -> None:
        match event:
            case RequestReceived():
                self.headers.append({str(k): str(v) for k, v in event.headers})
                self.request_seen.set()
                if self.answer_early:
                    self.answer(connection, event.stream_id)
            case DataReceived():
                connection.h2.acknowledge_received_data(
                    event.flow_controlled_length, event.stream_id
                )
            case StreamEnded() if not self.answer_early:
                self.answer(connection, event.stream_id)
            case StreamReset():
                self.resets.append(event.error_code)
                self.reset_seen.set()
