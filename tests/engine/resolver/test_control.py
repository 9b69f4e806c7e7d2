"""The resolver on real namespaces: it listens where it is told to, and lets go of them."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import trio
from dnslib import DNSRecord

from engine.models.resolver import Answer, Command, Presence, Scope, lines
from engine.resolver import sockets
from engine.resolver.control import Resolver
from engine.resolver.upstream import HostServers, read_message
from tests.integration.network_lab import in_lab, run

pytestmark = pytest.mark.integration


def scope(name: str, address: str, namespace: str) -> Scope:
    place = Presence(network="n", network_name="front", addresses=[address], names=[name])
    return Scope(id=name, path=f"/run/netns/{namespace}", presences=[place])


class Daemon:
    """The daemon's end of the line."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._lines = lines(stream)
        self._number = 0

    async def tell(self, *put: Scope, drop: str = "", retain: bool = False) -> dict[str, str]:
        self._number += 1
        command = Command(
            number=self._number, put=list(put), drop=[drop] if drop else [], retain=retain
        )
        await self._stream.send_all(msgspec.json.encode(command) + b"\n")
        with trio.fail_after(5):
            answer = msgspec.json.decode(await anext(self._lines), type=Answer)
        assert answer.number == self._number
        return answer.failures


@contextlib.asynccontextmanager
async def resolver() -> AsyncIterator[Path]:
    """A resolver, and the namespaces `one` and `two`."""
    for name in ("one", "two"):
        run("ip", "netns", "add", f"res-{name}")
        run("ip", "netns", "exec", f"res-{name}", "ip", "link", "set", "lo", "up")
    with tempfile.TemporaryDirectory() as directory:
        path, nothing = Path(directory, "resolver.sock"), Path(directory, "none")
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(Resolver(path, HostServers(nothing, nothing)).run)
                yield path
                nursery.cancel_scope.cancel()
        finally:
            for name in ("one", "two"):
                run("ip", "netns", "del", f"res-{name}")


async def connect(path: Path) -> Daemon:
    return Daemon(await trio.open_unix_socket(str(path)))


async def ask(namespace: str, name: str) -> list[str]:
    """Over UDP and TCP, which must agree; OSError when nobody listens."""
    question = bytes(DNSRecord.question(name).pack())
    path = f"/run/netns/{namespace}"
    raw = await sockets.inside(path, trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
    with trio.fail_after(2), trio.socket.from_stdlib_socket(raw) as channel:
        await channel.connect(("127.0.0.11", 53))
        await channel.send(question)
        datagram = await channel.recv(4096)
    raw = await sockets.inside(path, trio.socket.AF_INET, trio.socket.SOCK_STREAM)
    with trio.fail_after(2), trio.socket.from_stdlib_socket(raw) as connection:
        await connection.connect(("127.0.0.11", 53))
        stream = trio.SocketStream(connection)
        await stream.send_all(len(question).to_bytes(2, "big") + question)
        assert await read_message(stream) == datagram
    return [str(each.rdata) for each in DNSRecord.parse(datagram).rr]


@in_lab
async def test_containers_are_served_in_their_own_namespaces() -> None:
    async with resolver() as path:
        daemon = await connect(path)
        assert await daemon.tell(scope("web", "10.0.0.2", "res-one")) == {}
        assert await daemon.tell(scope("db", "10.0.0.3", "res-two")) == {}
        assert await ask("res-one", "db") == ["10.0.0.3"]
        assert await ask("res-two", "web.front") == ["10.0.0.2"]


@in_lab
async def test_dropped_container_is_let_go_of() -> None:
    async with resolver() as path:
        daemon = await connect(path)
        await daemon.tell(scope("web", "10.0.0.2", "res-one"), scope("db", "10.0.0.3", "res-two"))
        await daemon.tell(drop="web")
        with pytest.raises(OSError, match="refused"):
            await ask("res-one", "db")
        assert await ask("res-two", "db") == ["10.0.0.3"]


@in_lab
async def test_namespace_that_is_not_there_is_a_failure_of_its_own() -> None:
    async with resolver() as path:
        daemon = await connect(path)
        failures = await daemon.tell(
            scope("web", "10.0.0.2", "res-none"), scope("db", "10.0.0.3", "res-two")
        )
        assert list(failures) == ["web"]
        assert await ask("res-two", "web") == ["10.0.0.2"]


@in_lab
async def test_next_daemon_finds_everybody_served_and_ends_who_is_gone() -> None:
    async with resolver() as path:
        first = await connect(path)
        one, two = scope("web", "10.0.0.2", "res-one"), scope("db", "10.0.0.3", "res-two")
        await first.tell(one, two)
        before = run("ip", "netns", "exec", "res-one", "nft", "list", "ruleset")
        second = await connect(path)
        assert await ask("res-one", "db") == ["10.0.0.3"]
        await second.tell(one, retain=True)
        assert await ask("res-one", "web") == ["10.0.0.2"]
        # The same sockets: no question was lost.
        assert run("ip", "netns", "exec", "res-one", "nft", "list", "ruleset") == before
        with pytest.raises(OSError, match="refused"):
            await ask("res-two", "web")


@in_lab
async def test_moved_container_is_served_where_it_is_now() -> None:
    async with resolver() as path:
        daemon = await connect(path)
        await daemon.tell(scope("web", "10.0.0.2", "res-one"))
        await daemon.tell(scope("web", "10.0.0.9", "res-two"))
        assert await ask("res-two", "web") == ["10.0.0.9"]
        with pytest.raises(OSError, match="refused"):
            await ask("res-one", "web")
