"""Output by the length of its lines: `docker logs` and attach, with one container writing and with twenty."""

from __future__ import annotations

import socket
import threading
import time

from bench.engines import Contestant
from bench.samples import Limit
from bench.works import Scale, Work

LENGTHS = (2, 40, 1000)
"""Bytes of a line with its newline."""
PACE = 500
"""Lines that each of a crowd prints in a second while a log is read."""
LAST = b"that-was-all"
LIMIT = Limit(0.3)
TIMEOUT = 120.0
RECEIVE = 1 << 18


def lines(scale: Scale, length: int) -> int:
    """As many of 2 bytes as of 40; of the long ones fewer, by their bytes still the most.

    More than the engines' buffers and the pipes hold, which take the first megabyte at once.
    """
    return scale.megabytes * (3200 if length > 100 else 16_000)


def printing(length: int, count: int) -> str:
    """A shell's command that prints so many lines of this length."""
    return f"yes {'x' * (length - 1)} | head -c {length * count}"


def told(count: int, length: int) -> str:
    return f"{count:,} lines of {length:,} bytes"


class Lines(Work):
    share = 0.2
    length = 40
    crowded = False

    def __init__(self, scale: Scale) -> None:
        super().__init__(scale)
        self.count = lines(scale, self.length)
        self.crowd = scale.crowd if self.crowded else 0
        if self.length == 40:
            self.limit = LIMIT


class LogsOfLength(Lines):
    """By the CLI, its output thrown away. The crowd writes meanwhile, at a pace that both engines keep up with."""

    def __init__(self, scale: Scale) -> None:
        super().__init__(scale)
        meanwhile = f", {self.crowd} others writing" if self.crowd else ""
        self.name = f"`docker logs` of {told(self.count, self.length)}{meanwhile}"

    def prepare(self, engine: Contestant) -> None:
        command = printing(self.length, self.count)
        engine.cli("run", "-d", "--name", "talker", "busybox", "sh", "-c", command)
        engine.cli("wait", "talker")
        pace = f"while :; do {printing(self.length, PACE)}; sleep 1; done"
        for number in range(self.crowd):
            name = f"crowd-{number}"
            engine.cli("run", "-d", "--name", name, "--net", "none", "busybox", "sh", "-c", pace)

    def sample(self, engine: Contestant) -> float:
        return engine.cli("logs", "talker")

    def clean(self, engine: Contestant) -> None:
        engine.cli("rm", "-f", "talker", *(f"crowd-{number}" for number in range(self.crowd)))


class Attached:
    """A bare client of one container's streams, so that what is timed is the daemon. Use as a context manager."""

    def __init__(self, path: str, name: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(TIMEOUT)
        self._socket.connect(path)
        request = f"POST /containers/{name}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\n"
        upgrade = "Host: bench\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n"
        self._socket.sendall((request + upgrade).encode())
        self._head()

    def _head(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            received = self._socket.recv(1)  # what comes after it is to be timed
            assert received, "the daemon hung up"
            head += received
        assert head.startswith(b"HTTP/1.1 101"), head

    def __enter__(self) -> Attached:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def go(self) -> None:
        """A line to the container, which it waits for."""
        self._socket.sendall(b"\n")

    def wait(self) -> int:
        """Until the last line; the bytes that came."""
        size, tail = 0, b""
        while LAST not in tail:
            received = self._socket.recv(RECEIVE)
            assert received, "the daemon hung up"
            size += len(received)
            tail = tail[-len(LAST) :] + received
        return size


class AttachedToLength(Lines):
    """Containers print a file as fast as they can, all at once, until the last client has the last line."""

    def __init__(self, scale: Scale) -> None:
        super().__init__(scale)
        self.writers = self.crowd or 1
        self.each = self.count // self.writers
        whose = f"of {self.writers} containers" if self.crowd else "of one container"
        self.name = f"attach: {told(self.each * self.writers, self.length)} {whose}"

    @property
    def names(self) -> list[str]:
        return [f"writer-{number}" for number in range(self.writers)]

    def prepare(self, engine: Contestant) -> None:
        file = f"{printing(self.length, self.each)} > /file"
        script = f"{file}; while read x; do cat /file; echo {LAST.decode()}; done"
        options = ("-d", "-i", "--net", "none")
        for name in self.names:
            engine.cli("run", *options, "--name", name, "busybox", "sh", "-c", script)

    def sample(self, engine: Contestant) -> float:
        clients = [Attached(engine.socket, name) for name in self.names]
        waits = [threading.Thread(target=self._wait, args=(client,)) for client in clients]
        self.ended = 0
        before = time.perf_counter()
        for thread, client in zip(waits, clients, strict=True):
            thread.start()
            client.go()
        for thread in waits:
            thread.join()
        taken = (time.perf_counter() - before) * 1000
        assert self.ended == self.writers, f"{self.name} on {engine.label}: output is missing"
        return taken

    def _wait(self, client: Attached) -> None:
        with client:
            if client.wait() > self.each * self.length:
                self.ended += 1

    def clean(self, engine: Contestant) -> None:
        engine.cli("rm", "-f", *self.names)


def every(kind: type[Lines]) -> list[type[Lines]]:
    """The kind for each length, alone and in the crowd."""
    return [
        type(f"{kind.__name__}{length}", (kind,), {"length": length, "crowded": crowded})
        for crowded in (False, True)
        for length in LENGTHS
    ]


LINES: tuple[type[Work], ...] = (*every(LogsOfLength), *every(AttachedToLength))
