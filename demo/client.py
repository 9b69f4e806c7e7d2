"""A small client of the Engine API: HTTP over a unix socket, and raw streams after an upgrade."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple, Self

DEADLINE_SECONDS = 20.0
STDOUT, STDERR = 1, 2
HEADER_SIZE = 8  # stream number, three zero bytes, four bytes of length


class ApiError(Exception):
    """The daemon's answer was an error; the text is its message."""

    def __init__(self, request: str, status: int, body: bytes) -> None:
        super().__init__(f"{request}: {status} {_message(body)}")
        self.status = status


class Frame(NamedTuple):
    """A piece of output with the stream that it came from (STDOUT, STDERR)."""

    stream: int
    data: bytes


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = dial(self._path, self.timeout)


class Api:
    """The API at a unix socket. Every call has a deadline; `lines` waits as long as it takes."""

    def __init__(self, path: str, deadline: float = DEADLINE_SECONDS) -> None:
        self.path = path
        self._deadline = deadline

    def call(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """The answer's body; ApiError for a status of 400 or above."""
        connection = UnixConnection(self.path, self._deadline)
        headers = {} if body is None else {"Content-Type": "application/x-tar"}
        try:
            connection.request(method, path, body=body, headers=headers)
            return _body(f"{method} {path}", connection.getresponse())
        finally:
            connection.close()

    def json(self, method: str, path: str, body: object = None) -> Any:
        """The decoded answer (None when it is empty) to a JSON request."""
        connection = UnixConnection(self.path, self._deadline)
        text = None if body is None else json.dumps(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            connection.request(method, path, body=text, headers=headers)
            answer = _body(f"{method} {path}", connection.getresponse())
        finally:
            connection.close()
        return json.loads(answer) if answer.strip() else None

    def lines(self, path: str) -> Lines:
        """A stream of JSON lines."""
        return Lines(self.path, path)

    def hijack(self, path: str, body: object = None) -> RawStream:
        """POST with an upgrade: the connection itself, after the answer's head."""
        text = b"" if body is None else json.dumps(body).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
        )
        sock = dial(self.path, self._deadline)
        try:
            sock.sendall(head.encode() + text)
            reader = sock.makefile("rb")
            status = read_head(reader)
            if status >= 400:
                raise ApiError(f"POST {path}", status, reader.read())
        except BaseException:
            sock.close()
            raise
        return RawStream(sock, reader)


class Lines:
    """The decoded lines of an endless answer, read once; `stop` ends them from another thread."""

    def __init__(self, socket_path: str, path: str) -> None:
        self._connection = UnixConnection(socket_path, DEADLINE_SECONDS)
        self._connection.request("GET", path)
        self._sock: socket.socket = self._connection.sock
        self._sock.settimeout(None)
        self._response = self._connection.getresponse()
        if self._response.status >= 400:
            raise ApiError(f"GET {path}", self._response.status, self._response.read())

    def __iter__(self) -> Iterator[Any]:
        """Until the other side ends the stream; OSError or HTTPException when it breaks."""
        try:
            while line := self._response.readline():
                if line.strip():
                    yield json.loads(line)
        finally:
            self._connection.close()

    def stop(self) -> None:
        """End the stream for who reads it."""
        with contextlib.suppress(OSError):  # it has ended already
            self._sock.shutdown(socket.SHUT_RDWR)


class RawStream:
    """A hijacked connection: bytes in, frames of output back."""

    def __init__(self, sock: socket.socket, reader: BinaryIO) -> None:
        self._sock = sock
        self._reader = reader

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()
        self._sock.close()

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def end_input(self) -> None:
        """End of standard input; the output goes on."""
        self._sock.shutdown(socket.SHUT_WR)

    def frames(self) -> Iterator[Frame]:
        return demultiplex(self._reader)


def dial(path: str, timeout: float | None) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(timeout)
    try:
        sock.connect(path)
    except OSError:
        sock.close()
        raise
    return sock


def read_head(reader: BinaryIO) -> int:
    """The status of an HTTP answer, read up to the end of its head."""
    first = reader.readline().split(None, 2)
    if len(first) < 2 or not first[0].startswith(b"HTTP/1."):
        raise ConnectionError(f"no HTTP answer: {first!r}")
    while reader.readline().strip():
        pass
    return int(first[1])


def demultiplex(reader: BinaryIO) -> Iterator[Frame]:
    """The frames of a multiplexed stream; ConnectionError when it ends inside of one."""
    while header := reader.read(HEADER_SIZE):
        size = int.from_bytes(header[4:], "big")
        data = reader.read(size)
        if len(header) < HEADER_SIZE or len(data) < size:
            raise ConnectionError("the stream ended inside a frame")
        yield Frame(header[0], data)


def _body(request: str, response: http.client.HTTPResponse) -> bytes:
    body = response.read()
    if response.status >= 400:
        raise ApiError(request, response.status, body)
    return body


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace").strip()
