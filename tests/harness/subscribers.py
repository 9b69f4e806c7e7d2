"""Many WebSocket subscribers in one thread, as cheap as they can be: sockets, and a look for the numbers in what comes."""

from __future__ import annotations

import re
import resource
import selectors
import socket
import threading
import time

HANDSHAKE = (
    b"GET /_trimaran/events/ws HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)
TOLD = re.compile(rb'"timeNano":(\d+),"seq":(\d+)}')
PING, PONG = 0x89, bytes([0x8A, 0x80 | 4, 0, 0, 0, 0])


class Subscriber:
    """One that reads. `late` are the seconds from each event's own time to its arrival."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.rest = b""
        self.numbers: list[int] = []
        self.late: list[float] = []

    def read(self) -> bool:
        data = self.sock.recv(1 << 18)
        now = time.time_ns()
        self.rest += data
        while (taken := self._frame(now)) is not None:
            self.rest = self.rest[taken:]
        return bool(data)

    def _frame(self, now: int) -> int | None:
        """The length of the whole frame at the beginning of what came, looked at."""
        rest = self.rest
        if len(rest) < 2:
            return None
        size, head = rest[1], 2
        if size == 126:
            size, head = int.from_bytes(rest[2:4], "big"), 4
        if len(rest) < head + size:
            return None
        payload = rest[head : head + size]
        if rest[0] == PING:
            self.sock.sendall(PONG + payload)
        elif (told := TOLD.search(payload)) is not None:
            self.late.append((now - int(told[1])) / 1e9)
            self.numbers.append(int(told[2]))
        return head + size


class Crowd:
    """`live` subscribers that read and `deaf` ones that never do, on one daemon."""

    def __init__(self, path: str, live: int, deaf: int) -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.deaf = [subscribe(path) for _ in range(deaf)]
        self.live = [Subscriber(subscribe(path)) for _ in range(live)]
        self._over = False
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        with selectors.DefaultSelector() as selector:
            for each in self.live:
                selector.register(each.sock, selectors.EVENT_READ, each)
            while not self._over:
                for key, _ in selector.select(0.1):
                    if not key.data.read():
                        selector.unregister(key.fileobj)

    def wait_for(self, seq: int, limit: float = 60) -> None:
        deadline = time.monotonic() + limit
        while not all(each.numbers and each.numbers[-1] >= seq for each in self.live):
            assert time.monotonic() < deadline, min(each.numbers[-1:] for each in self.live)
            time.sleep(0.01)

    def forget(self) -> None:
        """Begin a new round."""
        for each in self.live:
            each.late.clear()
            each.numbers.clear()

    def close(self) -> None:
        self._over = True
        self._thread.join()
        for sock in [*self.deaf, *(each.sock for each in self.live)]:
            sock.close()


def subscribe(path: str) -> socket.socket:
    """A connection after the handshake and the hello."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(30)
    sock.connect(path)
    sock.sendall(HANDSHAKE)
    head = b""
    while b'{"hello":' not in head:
        data = sock.recv(4096)
        assert data, head
        head += data
    return sock
