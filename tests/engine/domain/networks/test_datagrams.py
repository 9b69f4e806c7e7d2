from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from engine.domain.networks.datagrams import IDLE, MOST, Datagrams
from engine.domain.networks.relays import Relay, Relays


def port_holder(host: str = "::1") -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.bind((host, 0))
    return made


@contextlib.asynccontextmanager
async def echo(mark: bytes = b"") -> AsyncIterator[tuple[tuple[str, int], list[object]]]:
    """A server that answers in capitals, and who it saw."""
    seen: list[object] = []

    async def serve(channel: trio.socket.SocketType) -> None:
        while True:
            data, client = await channel.recvfrom(65535)
            seen.append(client)
            await channel.sendto(mark + data.upper(), client)

    with trio.socket.socket(type=socket.SOCK_DGRAM) as channel:
        await channel.bind(("127.0.0.1", 0))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve, channel)
            yield channel.getsockname(), seen
            nursery.cancel_scope.cancel()


def client(held: socket.socket) -> trio.socket.SocketType:
    return trio.socket.socket(held.family, socket.SOCK_DGRAM)


async def ask(held: socket.socket, asker: trio.socket.SocketType, data: bytes) -> bytes:
    """The answer, which must come from the address that was asked."""
    await asker.sendto(data, held.getsockname())
    with trio.fail_after(30):
        answer, source = await asker.recvfrom(65535)
    assert source[:2] == held.getsockname()[:2]
    return answer


@pytest.mark.parametrize("host", ["::1", "127.0.0.1"])
async def test_each_client_has_a_flow_of_its_own(host: str) -> None:
    with port_holder(host) as held, client(held) as one, client(held) as two:
        async with echo() as (there, seen), trio.open_nursery() as nursery:
            nursery.start_soon(Datagrams(held.dup(), lambda _: there).run)
            for asker in (one, two, one):
                assert await ask(held, asker, b"hello") == b"HELLO"
            assert len(set(seen)) == 2
            assert seen[0] == seen[2]
            nursery.cancel_scope.cancel()


async def test_who_may_not_and_who_is_nowhere_gets_nothing() -> None:
    asked: list[str] = []

    def nowhere(address: str) -> None:
        asked.append(address)

    with port_holder() as held, client(held) as one:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Datagrams(held.dup(), nowhere).run)
            await one.sendto(b"?", held.getsockname())
            await wait_all_tasks_blocked(0.05)
            with trio.move_on_after(0.1):
                pytest.fail(f"an answer: {await one.recv(100)!r}")
            assert asked == ["::1"]
            nursery.cancel_scope.cancel()


async def test_container_that_moves_or_comes_later_is_found() -> None:
    with port_holder() as held, client(held) as one:
        async with echo(b"1") as (first, _), echo(b"2") as (second, _):
            places = [first]
            async with trio.open_nursery() as nursery:
                nursery.start_soon(Datagrams(held.dup(), lambda _: places[0]).run)
                assert await ask(held, one, b"a") == b"1A"
                places[0] = second
                assert await ask(held, one, b"a") == b"2A"
                nursery.cancel_scope.cancel()


async def test_refusal_of_the_container_ends_nothing() -> None:
    with port_holder("127.0.0.1") as unused:
        closed = unused.getsockname()
    with port_holder() as held, client(held) as one:
        async with echo() as (there, _), trio.open_nursery() as nursery:
            places = [closed]
            nursery.start_soon(Datagrams(held.dup(), lambda _: places[0]).run)
            for _ in range(3):
                await one.sendto(b"?", held.getsockname())
                await wait_all_tasks_blocked(0.02)
            places[0] = there
            assert await ask(held, one, b"a") == b"A"
            nursery.cancel_scope.cancel()


async def test_flows_are_forgotten_when_nothing_comes(autojump_clock: MockClock) -> None:
    autojump_clock.autojump_threshold = 0.2  # datagrams travel in real time
    with port_holder() as held, client(held) as one:
        async with echo() as (there, seen), trio.open_nursery() as nursery:
            flows = Datagrams(held.dup(), lambda _: there)
            nursery.start_soon(flows.run)
            await ask(held, one, b"a")
            assert len(flows) == 1
            await trio.sleep(IDLE + 1)
            assert len(flows) == 0
            await ask(held, one, b"a")
            assert len(flows) == 1
            nursery.cancel_scope.cancel()
        assert len(seen) == 2


async def test_flows_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST > 1
    monkeypatch.setattr("engine.domain.networks.datagrams.MOST", 1)
    with port_holder() as held, client(held) as one, client(held) as two:
        async with echo() as (there, seen), trio.open_nursery() as nursery:
            nursery.start_soon(Datagrams(held.dup(), lambda _: there).run)
            await ask(held, one, b"a")
            await two.sendto(b"b", held.getsockname())
            await ask(held, one, b"a")
            assert len(set(seen)) == 1
            nursery.cancel_scope.cancel()


async def test_relay_of_a_datagram_port_starts_and_ends() -> None:
    relays, held = Relays(), port_holder()
    place = ("udp", "::1", held.getsockname()[1])
    with held, client(held) as one:
        async with echo() as (there, seen), trio.open_nursery() as nursery:
            nursery.start_soon(relays.run)
            relays.put(place, Relay(held, lambda: there, near=False))
            assert await ask(held, one, b"a") == b"A"
            relays.drop(place)
            await one.sendto(b"b", held.getsockname())
            await wait_all_tasks_blocked(0.05)
            assert len(seen) == 1
            nursery.cancel_scope.cancel()


async def test_relay_that_goes_before_it_began_is_no_crash() -> None:
    relays, held = Relays(), port_holder()
    with held, trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(relays.run)
            await wait_all_tasks_blocked()
            relays.put(("udp", "::1", 1), Relay(held, lambda: None, near=False))
            relays.drop(("udp", "::1", 1))
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
