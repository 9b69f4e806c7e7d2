"""A hundred listeners of `/events`: how long until the last one has heard, and what that costs who makes an event."""

from __future__ import annotations

import contextlib
import selectors
import socket
import time

from bench.engines import Contestant
from bench.works import Scale, Work

LISTENERS = 100
TIMEOUT = 30.0
RECEIVE = 1 << 16


class Listeners:
    """Bare clients of `/events` in one thread. Use as a context manager."""

    def __init__(self, path: str, count: int) -> None:
        self._sockets = [listen(path) for _ in range(count)]
        self._selector = selectors.DefaultSelector()
        for each in self._sockets:
            self._selector.register(each, selectors.EVENT_READ)

    def __enter__(self) -> Listeners:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        for each in self._sockets:
            each.close()

    def wait_for(self, text: bytes) -> float:
        """When the last of them had it; AssertionError when it does not come."""
        waiting, came = set(self._sockets), dict.fromkeys(self._sockets, b"")
        deadline = time.perf_counter() + TIMEOUT
        while waiting:
            assert time.perf_counter() < deadline, f"{len(waiting)} never heard {text!r}"
            for key, _ in self._selector.select(1.0):
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                came[sock] += sock.recv(RECEIVE)
                if text in came[sock]:
                    waiting.discard(sock)
        return time.perf_counter()


def listen(path: str) -> socket.socket:
    """A client whose subscription has begun: the response's head has come."""
    with contextlib.ExitStack() as unless_it_begins:
        sock = unless_it_begins.enter_context(socket.socket(socket.AF_UNIX))
        sock.settimeout(TIMEOUT)
        sock.connect(path)
        sock.sendall(b"GET /events HTTP/1.1\r\nHost: bench\r\n\r\n")
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            received = sock.recv(1)  # what comes after it is to be timed
            assert received, "the daemon hung up"
            head += received
        assert head.startswith(b"HTTP/1.1 200"), head[:300]
        unless_it_begins.pop_all()
    return sock


class Heard(Work):
    """From the request that makes the event (a volume's removal) to the last listener's copy of it."""

    def __init__(self, scale: Scale) -> None:
        super().__init__(scale)
        self.name = f"an event, to the last of {LISTENERS} listeners of `/events`"
        self._number = 0

    def sample(self, engine: Contestant) -> float:
        name = self._made(engine)
        with Listeners(engine.socket, LISTENERS) as listeners:
            before = time.perf_counter()
            engine.json("DELETE", f"/volumes/{name}")
            return (listeners.wait_for(name.encode()) - before) * 1000

    def _made(self, engine: Contestant) -> str:
        self._number += 1
        name = f"heard-{engine.label}-{self._number}".lower()
        engine.json("POST", "/volumes/create", {"Name": name})
        return name


class Told(Heard):
    """The same removal as its caller sees it."""

    def __init__(self, scale: Scale) -> None:
        super().__init__(scale)
        self.name = f"the request that makes an event, with {LISTENERS} listeners"

    def sample(self, engine: Contestant) -> float:
        name = self._made(engine)
        with Listeners(engine.socket, LISTENERS):
            before = time.perf_counter()
            engine.json("DELETE", f"/volumes/{name}")
            return (time.perf_counter() - before) * 1000


LISTENED: tuple[type[Work], ...] = (Heard, Told)
