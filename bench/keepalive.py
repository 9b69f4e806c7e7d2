"""A bare HTTP client on one kept-alive connection, so that what is timed is the daemon."""

from __future__ import annotations

import socket
import time

RECEIVE = 1 << 18
TIMEOUT = 60.0


class Keepalive:
    """Use as a context manager."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(TIMEOUT)
        self._socket.connect(path)

    def __enter__(self) -> Keepalive:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def get(self, path: str) -> bytes:
        """The raw answer, head and body; AssertionError when its status is not 200."""
        self._socket.sendall(b"GET %s HTTP/1.1\r\nHost: bench\r\n\r\n" % path.encode())
        answer = b""
        while not complete(answer):
            received = self._socket.recv(RECEIVE)
            assert received, f"GET {path}: the daemon hung up"
            answer += received
        assert answer.startswith(b"HTTP/1.1 200"), answer[:300]
        return answer

    def timed(self, path: str) -> float:
        """Milliseconds."""
        before = time.perf_counter()
        self.get(path)
        return (time.perf_counter() - before) * 1000


def complete(answer: bytes) -> bool:
    """Whether a whole response is there, by its length or its last chunk."""
    head, found, body = answer.partition(b"\r\n\r\n")
    if not found:
        return False
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line.partition(b":")[2])
    return body.endswith(b"0\r\n\r\n")
