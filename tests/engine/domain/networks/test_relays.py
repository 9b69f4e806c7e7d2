from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing

from engine.domain.networks.relays import Relay, Relays, is_near


def held() -> socket.socket:
    found = socket.socket()
    found.bind(("127.0.0.1", 0))
    return found


@contextlib.asynccontextmanager
async def echo() -> AsyncIterator[int]:
    """A server that reads to the end, and then answers."""

    async def answer(stream: trio.SocketStream) -> None:
        data = b""
        while more := await stream.receive_some():
            data += more
        await stream.send_all(data.upper())

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, answer, [listener])
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def ask(port: int) -> bytes:
    with trio.fail_after(5):
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(b"hello")
            await stream.send_eof()
            data = b""
            while more := await stream.receive_some():
                data += more
            return data


async def test_connection_is_carried_both_ways_to_its_end() -> None:
    relays, own = Relays(), held()
    port = own.getsockname()[1]
    with own:
        async with echo() as target, trio.open_nursery() as nursery:
            nursery.start_soon(relays.run)
            relays.put(
                ("tcp", "127.0.0.1", port), Relay(own, lambda: ("127.0.0.1", target), near=False)
            )
            await trio.testing.wait_all_tasks_blocked()
            assert await ask(port) == b"HELLO"
            nursery.cancel_scope.cancel()


async def test_next_service_goes_on_with_what_was_put() -> None:
    relays, own = Relays(), held()
    port = own.getsockname()[1]
    with own:
        async with echo() as target:
            relays.put(
                ("tcp", "127.0.0.1", port), Relay(own, lambda: ("127.0.0.1", target), near=True)
            )
            for _ in range(2):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(relays.run)
                    await trio.testing.wait_all_tasks_blocked()
                    assert await ask(port) == b"HELLO"
                    nursery.cancel_scope.cancel()


async def test_container_that_cannot_be_reached_ends_the_connection() -> None:
    relays, own = Relays(), held()
    port = own.getsockname()[1]
    with own:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(relays.run)
            relays.put(("tcp", "127.0.0.1", port), Relay(own, lambda: None, near=False))
            await trio.testing.wait_all_tasks_blocked()
            with contextlib.suppress(trio.BrokenResourceError):
                assert await ask(port) == b""
            nursery.cancel_scope.cancel()


async def test_dropped_port_is_served_no_more() -> None:
    relays, own = Relays(), held()
    port = own.getsockname()[1]
    async with echo() as target, trio.open_nursery() as nursery:
        nursery.start_soon(relays.run)
        relays.put(
            ("tcp", "127.0.0.1", port), Relay(own, lambda: ("127.0.0.1", target), near=False)
        )
        await trio.testing.wait_all_tasks_blocked()
        assert await ask(port) == b"HELLO"
        relays.drop(("tcp", "127.0.0.1", port))
        own.close()
        # At once for the next one, although a connection has just been carried.
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", port))
        with pytest.raises(OSError, match=r"refused|failed"):
            await ask(port)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("address", "near"),
    [
        ("127.0.0.1", True),
        ("192.168.1.9", True),
        ("100.64.3.4", True),
        ("::1", True),
        ("fe80::1%eth0", True),
        ("fd00::7", True),
        ("::ffff:10.0.0.1", True),
        ("8.8.8.8", False),
        ("2001:4860:4860::8888", False),
        ("::ffff:8.8.8.8", False),
    ],
)
def test_near_is_private_shared_or_link_local(address: str, near: bool) -> None:
    assert is_near(address) is near
