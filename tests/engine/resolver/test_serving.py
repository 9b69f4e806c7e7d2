"""One container's questions, over sockets on the loopback instead of in its namespace."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
import trio
from dnslib import DNSRecord

from engine.models.resolver import Presence, Scope
from engine.resolver.directory import Directory
from engine.resolver.serving import MOST_ERRORS, PAUSE, Serving
from engine.resolver.sockets import Pair
from engine.resolver.upstream import read_message

WEB = Scope(
    id="web",
    path="/nowhere",
    presences=[Presence(network="n", network_name="front", addresses=["10.0.0.2"], names=["web"])],
)


class FakeUpstream:
    """Answers what nobody here knows; "" is silence."""

    def __init__(self) -> None:
        self.asked: list[bool] = []
        self.silent = False

    async def ask(self, scope: Scope, question: bytes, *, tcp: bool) -> bytes:
        self.asked.append(tcp)
        if self.silent:
            return b""
        reply = DNSRecord.parse(question).reply()
        reply.header.ra = 1
        return bytes(reply.pack())


class Asker:
    def __init__(self, pair: Pair, upstream: FakeUpstream) -> None:
        self.upstream = upstream
        self.udp, self.tcp = pair.udp.getsockname(), pair.tcp.getsockname()

    async def over_udp(self, *questions: bytes) -> list[DNSRecord]:
        with trio.socket.socket(type=trio.socket.SOCK_DGRAM) as channel, trio.fail_after(5):
            await channel.connect(self.udp)
            for each in questions:
                await channel.send(each)
            return [DNSRecord.parse(await channel.recv(4096)) for _ in questions]

    async def over_tcp(self, *questions: bytes) -> list[DNSRecord]:
        stream = await trio.open_tcp_stream(*self.tcp)
        async with stream:
            found = []
            with trio.fail_after(5):
                for each in questions:
                    await stream.send_all(len(each).to_bytes(2, "big") + each)
                    found.append(DNSRecord.parse(await read_message(stream)))
            return found


def pair() -> Pair:
    made = Pair(socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_STREAM))
    for each in (made.udp, made.tcp):
        each.bind(("127.0.0.1", 0))
        each.setblocking(False)
    made.tcp.listen(10)
    return made


@contextlib.asynccontextmanager
async def serving(*scopes: Scope) -> AsyncIterator[Asker]:
    directory, upstream, sockets = Directory(), FakeUpstream(), pair()
    for each in scopes:
        directory.put(each)
    asker = Asker(sockets, upstream)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Serving(directory, upstream, "web", sockets).run)  # type: ignore[arg-type]
        yield asker
        nursery.cancel_scope.cancel()
    assert sockets.udp.fileno() == sockets.tcp.fileno() == -1


def question(name: str) -> bytes:
    return bytes(DNSRecord.question(name).pack())


def data(answer: DNSRecord) -> list[str]:
    return [str(each.rdata) for each in answer.rr]


async def test_known_names_are_answered_here_over_both_protocols() -> None:
    async with serving(WEB) as asker:
        for ask in (asker.over_udp, asker.over_tcp):
            assert [data(each) for each in await ask(question("web"), question("WEB"))] == [
                ["10.0.0.2"]
            ] * 2
        assert asker.upstream.asked == []


async def test_other_names_are_asked_of_others_over_the_same_protocol() -> None:
    async with serving(WEB) as asker:
        (answer,) = await asker.over_udp(question("example.org"))
        assert answer.header.ra == 1
        await asker.over_tcp(question("example.org"))
        assert asker.upstream.asked == [False, True]


async def test_garbage_is_not_answered_and_stops_nobody() -> None:
    async with serving(WEB) as asker:
        with trio.socket.socket(type=trio.socket.SOCK_DGRAM) as channel:
            await channel.connect(asker.udp)
            await channel.send(b"garbage")
        with pytest.raises((OSError, trio.BrokenResourceError)):
            await asker.over_tcp(b"garbage")
        assert data((await asker.over_udp(question("web")))[0]) == ["10.0.0.2"]


async def test_scope_that_was_dropped_is_told_nothing() -> None:
    async with serving() as asker:
        with pytest.raises((OSError, trio.BrokenResourceError)):
            await asker.over_tcp(question("example.org"))
        assert asker.upstream.asked == []


async def test_connection_that_gets_no_answer_is_closed() -> None:
    async with serving(WEB) as asker:
        asker.upstream.silent = True
        with pytest.raises((OSError, trio.BrokenResourceError)):
            await asker.over_tcp(question("example.org"))


class Broken:
    """A socket that stays in error, and is always ready to say so."""

    def __init__(self, real: socket.socket) -> None:
        self._real = real
        self.reads = 0

    def fileno(self) -> int:
        return self._real.fileno()

    def close(self) -> None:
        self._real.close()

    def recvfrom(self, size: int) -> tuple[bytes, object]:
        self.reads += 1
        raise OSError(12, "no memory")


async def test_socket_that_stays_in_error_is_given_up_without_a_spin() -> None:
    left, right = socket.socketpair()
    right.send(b"x")
    whole = pair()
    whole.udp.close()
    broken, tcp = Broken(left), whole.tcp
    directory = Directory()
    directory.put(WEB)
    sockets = Pair(broken, tcp)  # type: ignore[arg-type]
    began = trio.current_time()
    with pytest.RaisesGroup(OSError), trio.fail_after(20):
        await Serving(directory, FakeUpstream(), "web", sockets).run()  # type: ignore[arg-type]
    assert broken.reads == MOST_ERRORS
    assert trio.current_time() - began > PAUSE * (MOST_ERRORS - 2)
    assert tcp.fileno() == -1
    right.close()
