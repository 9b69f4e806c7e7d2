"""The proxy itself: a test that relies on a held call must know that it was held."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hpack import Encoder

from tests.harness.proxy import DATA, HEADERS, PREFACE, RESET, Proxy


def frame(kind: int, stream: int, body: bytes) -> bytes:
    return len(body).to_bytes(3, "big") + bytes([kind, 0]) + stream.to_bytes(4, "big") + body


class Ends:
    """Both ends of one connection through the proxy."""

    def __init__(self, proxy: Proxy, path: Path, listener: socket.socket) -> None:
        self.client = socket.socket(socket.AF_UNIX)
        self.client.settimeout(10)
        self.client.connect(str(path))
        self.server, _ = listener.accept()
        self.server.settimeout(10)
        self._encoder = Encoder()
        self.pass_through(b"P" * PREFACE)

    def head(self, stream: int, method: str) -> bytes:
        return frame(HEADERS, stream, self._encoder.encode([(":path", f"/some.Tasks/{method}")]))

    def pass_through(self, data: bytes) -> None:
        self.client.sendall(data)
        assert self.arrives(len(data)) == data

    def arrives(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.server.recv(size - len(data))
            assert piece, data
            data += piece
        return data

    def close(self) -> None:
        self.client.close()
        self.server.close()


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    made = Proxy(tmp_path / "proxy", tmp_path / "server")
    yield made
    made.close()


@pytest.fixture
def ends(proxy: Proxy, tmp_path: Path) -> Iterator[Ends]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "server"))
        listener.listen()
        made = Ends(proxy, tmp_path / "proxy", listener)
        yield made
        made.close()


def test_held_call_waits_and_the_others_pass(proxy: Proxy, ends: Ends) -> None:
    proxy.hold("Kill", "web")
    ends.pass_through(ends.head(1, "Kill"))
    ends.client.sendall(frame(DATA, 1, b"kill web"))
    for stream, (method, body) in enumerate((("Kill", b"kill db"), ("Get", b"get web")), 2):
        ends.pass_through(ends.head(stream, method) + frame(DATA, stream, body))
    assert proxy.stopped == ["Kill"]
    proxy.release()
    assert ends.arrives(9 + 8) == frame(DATA, 1, b"kill web")


def test_held_call_that_its_caller_gives_up_never_arrives(proxy: Proxy, ends: Ends) -> None:
    with proxy.holding("Create", part="web"):
        ends.pass_through(ends.head(1, "Create"))
        ends.client.sendall(frame(DATA, 1, b"create web"))
        ends.client.sendall(frame(RESET, 1, bytes(4)))
        assert ends.arrives(13) == frame(RESET, 1, bytes(4))
    ends.pass_through(ends.head(3, "Create") + frame(DATA, 3, b"create web"))


def test_what_answers_comes_back(ends: Ends) -> None:
    ends.server.sendall(b"answer")
    assert ends.client.recv(6) == b"answer"
