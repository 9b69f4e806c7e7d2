from __future__ import annotations

import errno
import socket
from pathlib import Path

import pytest
import trio

from engine.adapters.logsinks.connections import Connection, Datagrams, Streamed
from engine.domain.logs.drivers import Address
from tests.engine.adapters.logsinks.receivers import (
    LIMIT,
    Server,
    listening,
    port_of,
    received,
    udp,
    unixgram,
    unused_port,
)


def local(port: int, scheme: str = "tcp") -> Address:
    return Address(scheme, "127.0.0.1", port)


async def test_datagrams_arrive_one_by_one() -> None:
    with udp() as receiver:
        connection = Datagrams(local(port_of(receiver)))
        await connection.connect()
        await connection.send([b"one", b"two"])
        connection.close()
        assert received(receiver, 2) == [b"one", b"two"]


async def test_first_socket_that_is_there_is_taken(tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    with unixgram(path) as receiver:
        connection = Datagrams(
            Address("unixgram", path="/nonexistent"), Address("unixgram", path=path)
        )
        await connection.connect()
        await connection.send([b"one"])
        connection.close()
        assert received(receiver, 1) == [b"one"]


@pytest.mark.parametrize(
    "connection",
    [
        Datagrams(Address("unixgram", path="/nonexistent")),
        Streamed(Address("unix", path="/nonexistent")),
        Streamed(local(unused_port())),
    ],
)
async def test_receiver_that_is_not_there_is_an_os_error(connection: Connection) -> None:
    with pytest.raises((FileNotFoundError, ConnectionRefusedError)):
        await connection.connect()
    connection.close()


async def test_port_where_nobody_listens_is_an_error_of_the_datagrams_that_went_there() -> None:
    connection = Datagrams(local(unused_port(), "udp"))
    await connection.connect()
    with pytest.raises(ConnectionRefusedError):
        await connection.send([b"one"])
    connection.close()


async def test_datagram_that_is_too_large_is_cut() -> None:
    with udp() as receiver:
        connection = Datagrams(local(port_of(receiver)))
        await connection.connect()
        await connection.send([b"x" * 100_000, b"next"])
        connection.close()
        assert [len(each) for each in received(receiver, 2)] == [60_000, 4]


@pytest.mark.parametrize("unix", [False, True])
async def test_stream_has_all_that_was_sent(tmp_path: Path, *, unix: bool) -> None:
    path = str(tmp_path / "socket") if unix else ""
    server = Server(path)
    address = Address("unix", path=path) if unix else local(server.port)
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: server.serve(task_status=task_status))
        connection = Streamed(address)
        await connection.connect()
        for _ in range(20):
            await connection.send([b"x" * 50_000, b"\n"])
        assert len(server.data) >= 19 * 50_001  # the last may wait for the server's task
        connection.close()
        with trio.fail_after(LIMIT):
            while len(server.data) < 20 * 50_001:  # noqa: ASYNC110 (another socket's end)
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()


async def test_data_that_nobody_acknowledges_is_not_delivered() -> None:
    """A receiver that does not read: its host's buffers fill, and the rest waits."""
    with listening() as server:
        connection = Streamed(local(port_of(server)))
        await connection.connect()
        with trio.move_on_after(0.2) as waiting:
            await connection.send([b"x" * 50_000_000])
        assert waiting.cancelled_caught
        connection.close()


async def test_hang_up_is_noticed_before_anything_is_sent() -> None:
    with listening() as server:
        connection = Streamed(local(port_of(server)))
        await connection.connect()
        server.accept()[0].close()
        await trio.sleep(0.05)
        with pytest.raises(ConnectionResetError):
            await connection.send([b"one"])
        connection.close()


async def test_reset_is_noticed_while_data_is_under_way() -> None:
    with listening() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection = Streamed(local(port_of(server)))
        await connection.connect()
        accepted = server.accept()[0]
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        async with trio.open_nursery() as nursery:

            async def hang_up() -> None:
                await trio.sleep(0.1)
                accepted.close()

            nursery.start_soon(hang_up)
            with trio.fail_after(LIMIT), pytest.raises(ConnectionError) as failure:
                await connection.send([b"x" * 20_000_000])
        assert failure.value.errno in (errno.ECONNRESET, errno.EPIPE)
        connection.close()


async def test_unix_stream_notices_a_hang_up(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with listening(path) as server:
        connection = Streamed(Address("unix", path=path))
        await connection.connect()
        server.accept()[0].close()
        with pytest.raises(ConnectionError):
            await connection.send([b"one"])
        connection.close()
