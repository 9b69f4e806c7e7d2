"""Receivers on this host's sockets, for one test each."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable

import trio

from engine.domain.logs.attributes import LogSubject
from engine.domain.logs.ports import Destination, Line
from tests.engine.domain.logs.records import subject

LIMIT = 20.0
NS = 1_700_000_000_123_456_789


def lines(*texts: str, stream: str = "stdout") -> list[Line]:
    return [Line(text, stream, NS) for text in texts]


def destination(
    driver: str, *, of: Callable[[], LogSubject] = subject, **options: str
) -> Destination:
    return Destination(
        driver, {name.replace("_", "-"): value for name, value in options.items()}, of()
    )


def udp() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    made.settimeout(LIMIT)
    return made


def unixgram(path: str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.bind(path)
    made.settimeout(LIMIT)
    return made


def listening(path: str = "") -> socket.socket:
    made = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
    made.bind(path or ("127.0.0.1", 0))
    made.listen()
    made.settimeout(LIMIT)
    return made


def port_of(found: socket.socket) -> int:
    return int(found.getsockname()[1])


def unused_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return port_of(found)


def received(found: socket.socket, count: int) -> list[bytes]:
    return [found.recv(65536) for _ in range(count)]


class Server:
    """Takes connections, each in turn, and keeps what came; `answers` makes replies to it."""

    def __init__(
        self,
        path: str = "",
        *,
        tls: ssl.SSLContext | None = None,
        answers: Callable[[bytes], Iterable[bytes]] = lambda data: (),
    ) -> None:
        self.socket = listening(path)
        self.port = 0 if path else port_of(self.socket)
        self.data = b""
        self.connections = 0
        self._tls = tls
        self._answers = answers

    async def serve(self, *, task_status: trio.TaskStatus[None]) -> None:
        self.socket.setblocking(False)
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(self.socket))
        task_status.started()
        async with listener:
            while True:
                raw = await listener.accept()
                self.connections += 1
                stream: trio.abc.Stream = raw
                if self._tls is not None:
                    stream = trio.SSLStream(raw, self._tls, server_side=True)
                async with stream:
                    await self._read(stream)

    async def _read(self, stream: trio.abc.Stream) -> None:
        try:
            while data := await stream.receive_some(65536):
                self.data += data
                for answer in self._answers(bytes(data)):
                    await stream.send_all(answer)
        except trio.BrokenResourceError:
            return
