"""A proxy before containerd that lets everything pass but the calls that it is told to hold.

It works on HTTP/2 frames: the head of a held call goes on, its body does not, so the server never
answers it and nobody else notices. What was held goes on when it is let go, unless its caller has
given up by then.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

from hpack import Decoder

PREFACE = 24
HEAD = 9
DATA, HEADERS, RESET = 0, 1, 3
PADDED, PRIORITY = 0x8, 0x20


class Rules:
    """Which calls are held: the last part of the gRPC path, and bytes that occur in the request."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._held: set[tuple[str, bytes]] = set()
        self.stopped: list[str] = []
        self.connections: list[Connection] = []

    def hold(self, method: str, part: str) -> None:
        with self.lock:
            self._held.add((method, part.encode()))

    def release(self) -> None:
        """Everything flows again, and what was held goes on."""
        with self.lock:
            self._held.clear()
            for each in self.connections:
                each.let_go()

    def holds(self, method: str, body: bytes) -> bool:
        if any(method == held and part in body for held, part in self._held):
            self.stopped.append(method)
            return True
        return False


class Connection:
    """One client's connection and its way to the server."""

    def __init__(self, client: socket.socket, server: socket.socket, rules: Rules) -> None:
        self._client = client
        self._server = server
        self._rules = rules
        self._decoder = Decoder()
        self._methods: dict[int, str] = {}
        self._held: dict[int, bytes] = {}
        self._threads = [
            threading.Thread(target=each, daemon=True) for each in (self._upwards, self._downwards)
        ]
        for each in self._threads:
            each.start()

    def let_go(self) -> None:
        held, self._held = self._held, {}
        for frame in held.values():
            with contextlib.suppress(OSError):
                self._server.sendall(frame)

    def end(self) -> None:
        """Both ways, at once."""
        for each in (self._client, self._server):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.end()
        for thread in self._threads:
            thread.join(5)
        self._client.close()
        self._server.close()

    def _downwards(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._server.recv(1 << 16):
                self._client.sendall(data)
        self.end()

    def _upwards(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            self._server.sendall(self._exactly(PREFACE))
            while True:
                self._frame()
        self.end()

    def _frame(self) -> None:
        head = self._exactly(HEAD)
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:9], "big")
        body = self._exactly(int.from_bytes(head[:3], "big"))
        with self._rules.lock:
            if kind == HEADERS:
                self._methods[stream] = self._method_of(flags, body)
            elif kind == RESET:
                self._held.pop(stream, None)
            elif kind == DATA:
                if stream in self._held:
                    self._held[stream] += head + body
                    return
                if self._rules.holds(self._methods.pop(stream, ""), body):
                    self._held[stream] = head + body
                    return
            self._server.sendall(head + body)

    def _method_of(self, flags: int, body: bytes) -> str:
        """Every block must be decoded, or the table that both sides keep is lost."""
        if flags & PADDED:
            body = body[1 : len(body) - body[0]]
        if flags & PRIORITY:
            body = body[5:]
        fields = {str(name): str(value) for name, value in self._decoder.decode(body)}
        return fields.get(":path", "").rpartition("/")[2]

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            piece = self._client.recv(size - len(data))
            if not piece:
                raise EOFError
            data += piece
        return bytes(data)


class Proxy(Rules):
    """Listens at `path` for who wants containerd at `target`, until it is closed."""

    def __init__(self, path: Path, target: Path) -> None:
        super().__init__()
        self._target = str(target)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self._target)
            except OSError:
                client.close()
                server.close()
                continue
            with self.lock:
                self.connections.append(Connection(client, server, self))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self.connections:
            each.close()

    @contextlib.contextmanager
    def holding(self, *methods: str, part: str) -> Iterator[None]:
        for method in methods:
            self.hold(method, part)
        try:
            yield
        finally:
            self.release()
