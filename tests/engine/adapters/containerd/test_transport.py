from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from engine.adapters.containerd.transport import HIGH_WATER, SocketTransport


class Pair:
    """A transport, its peer, and whether writers may go on."""

    def __init__(self) -> None:
        self.sock, self.peer = socket.socketpair()
        self.sock.setblocking(False)
        self.peer.setblocking(False)
        self.told: list[str] = []
        self.transport = SocketTransport(
            self.sock,
            pause=lambda: self.told.append("pause"),
            resume=lambda: self.told.append("resume"),
        )

    def received(self) -> bytes:
        found = b""
        while True:
            try:
                data = self.peer.recv(1 << 20)
            except BlockingIOError:
                return found
            if not data:
                return found
            found += data


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    yield pair
    pair.sock.close()
    pair.peer.close()


def test_small_write_is_sent_at_once(pair: Pair) -> None:
    pair.transport.write(b"hello")
    pair.transport.write(b"")
    assert pair.received() == b"hello"
    assert pair.told == []


async def test_what_does_not_fit_is_drained_in_order_and_holds_writers_back(pair: Pair) -> None:
    data = os.urandom(4 * HIGH_WATER)
    pair.transport.write(data)
    pair.transport.write(b"the end")
    assert pair.told[0] == "pause"
    found = b""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pair.transport.drain)
        while len(found) < len(data) + 7:
            await trio.lowlevel.wait_readable(pair.peer)
            found += pair.received()
        await wait_all_tasks_blocked()
        assert "resume" in pair.told
        pair.transport.write(b"more")
        assert pair.received() == b"more"
        nursery.cancel_scope.cancel()
    assert found == data + b"the end"


async def test_reader_gets_what_comes_and_the_end(pair: Pair) -> None:
    pair.peer.send(b"data")
    assert await pair.transport.read() == b"data"
    pair.peer.close()
    assert await pair.transport.read() == b""


async def test_peer_that_breaks_the_connection_is_an_end(pair: Pair) -> None:
    pair.transport.write(b"unread")
    pair.peer.close()
    assert await pair.transport.read() == b""
    pair.transport.write(b"into nothing")
    assert pair.transport.is_closing()
    pair.transport.write(b"and again")


def test_closing_ends_both_directions_and_may_be_repeated(pair: Pair) -> None:
    pair.transport.close()
    pair.transport.close()
    assert pair.transport.is_closing()
    assert pair.peer.recv(10) == b""
