from __future__ import annotations

import socket

import pytest
import trio
from trio.testing import memory_stream_pair, wait_all_tasks_blocked
from trio_websocket import wrap_client_stream, wrap_server_stream

from engine.api.frames import BINARY, TEXT, FrameStream, frame
from engine.api.hijack import HijackedStream


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
async def test_library_reads_our_frames_among_its_own(size: int) -> None:
    left, right = memory_stream_pair()
    shared = FrameStream(HijackedStream(right, b""))
    async with trio.open_nursery() as nursery:

        async def serve() -> None:
            connection = await (await wrap_server_stream(nursery, shared)).accept()
            await connection.send_message("theirs")
            await shared.send_all(frame(b"x" * size, TEXT) + frame(b"y" * size, BINARY))
            await connection.send_message("theirs again")

        nursery.start_soon(serve)
        client = await wrap_client_stream(nursery, left, "docker", "/")
        got = [await client.get_message() for _ in range(4)]
        assert got == ["theirs", "x" * size, b"y" * size, "theirs again"]
        nursery.cancel_scope.cancel()


async def test_after_a_frame_that_was_cut_nothing_is_written() -> None:
    class Stuck(HijackedStream):
        async def send_all(self, data: bytes | bytearray | memoryview) -> None:
            await trio.sleep_forever()

    _, right = memory_stream_pair()
    stream = FrameStream(Stuck(right, b""))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.send_all, frame(b"never", TEXT))
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert stream.cut
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(frame(b"more", TEXT))


async def test_frame_that_was_never_begun_is_not_cut() -> None:
    left, right = memory_stream_pair()
    stream = FrameStream(HijackedStream(right, b""))
    with trio.CancelScope() as scope:
        scope.cancel()
        await stream.send_all(frame(b"never", TEXT))
    assert not stream.cut
    await stream.send_all(b"last")
    assert await left.receive_some() == b"last"


async def test_rest_of_what_was_offered_goes_before_what_is_sent_next() -> None:
    ours, theirs = socket.socketpair()
    client = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
    server = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
    stream = FrameStream(HijackedStream(HijackedStream(server, b""), b""))
    large = frame(b"x" * (4 << 20), TEXT)
    async with client, server:
        assert stream.free
        assert stream.offer(frame(b"small", TEXT))
        assert stream.free
        assert not stream.offer(large)
        assert not stream.free
        wanted = frame(b"small", TEXT) + large + frame(b"ping", BINARY)
        got = bytearray()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.send_all, frame(b"ping", BINARY))
            while len(got) < len(wanted):
                got += await client.receive_some()
        assert got == wanted
        assert stream.free


def test_without_a_socket_nothing_is_offered() -> None:
    _, right = memory_stream_pair()
    assert not FrameStream(HijackedStream(right, b"")).free
