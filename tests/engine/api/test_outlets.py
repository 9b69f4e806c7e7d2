from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import trio
from quart import Response
from quart_trio import QuartTrio
from trio.testing import wait_all_tasks_blocked

from engine.api.hijack import link
from engine.api.outlets import ChunkOutlet, chunk, write_now
from engine.api.responses import stream_response
from tests.engine.api.serving import serving

GET = b"GET /lines HTTP/1.1\r\nHost: x\r\n\r\n"


def pair() -> tuple[trio.socket.SocketType, socket.socket]:
    left, right = socket.socketpair()
    return trio.socket.from_stdlib_socket(left), right


async def test_what_a_socket_does_not_take_is_left() -> None:
    ours, theirs = pair()
    with ours, theirs:
        assert write_now(ours, b"all of it") == b""
        assert theirs.recv(100) == b"all of it"
        much = b"x" * (8 << 20)
        left = write_now(ours, much)
        assert 0 < len(left) < len(much)
        assert write_now(ours, b"more") == b"more"


async def test_client_that_has_gone_takes_nothing() -> None:
    ours, theirs = pair()
    theirs.close()
    assert write_now(ours, b"all of it") == b"all of it"
    ours.close()
    assert write_now(ours, b"all of it") == b"all of it"


def test_chunk_has_its_length() -> None:
    assert chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"


class Lines:
    """A response that is told through its outlet between two chunks of its own."""

    def __init__(self) -> None:
        self.outlets: list[ChunkOutlet | None] = []
        self.go_on = trio.Event()
        self.ended = trio.Event()

    def register(self, app: QuartTrio) -> None:
        @app.get("/lines")
        async def lines() -> Response:
            current = link()
            assert current is not None
            self.outlets.append(current.outlet())
            return stream_response(aclosing(self.chunks(self.outlets[-1])))

    async def chunks(self, outlet: ChunkOutlet | None) -> AsyncIterator[bytes]:
        try:
            yield b"first,"
            await self.go_on.wait()
            if outlet is not None:
                await outlet.flush()
            yield b"last"
        finally:
            self.ended.set()


async def test_chunks_offered_between_others_are_part_of_the_response(tmp_path: Path) -> None:
    lines, large = Lines(), b"y" * (4 << 20)
    async with (
        serving(lines.register, tmp_path / "s"),
        await trio.open_unix_socket(str(tmp_path / "s")) as stream,
    ):
        await stream.send_all(GET)
        got = b""
        while not got.endswith(b"first,\r\n"):
            got += await stream.receive_some()
        await wait_all_tasks_blocked()
        (outlet,) = lines.outlets
        assert outlet is not None
        assert outlet.ready(1)
        assert outlet.offer(chunk(b"second,"), 1)
        assert not outlet.offer(chunk(large), 1)
        lines.go_on.set()
        while not got.endswith(b"0\r\n\r\n"):
            got += await stream.receive_some()
        wanted = chunk(b"first,") + chunk(b"second,") + chunk(large) + chunk(b"last") + chunk(b"")
        assert got.partition(b"\r\n\r\n")[2] == wanted
        await stream.send_all(b"GET /nope HTTP/1.1\r\nHost: x\r\n\r\n")  # the connection is well
        assert b"404" in await stream.receive_some()


async def test_flush_to_a_client_that_has_gone_ends_its_request(tmp_path: Path) -> None:
    lines = Lines()
    async with serving(lines.register, tmp_path / "s"):
        async with await trio.open_unix_socket(str(tmp_path / "s")) as stream:
            await stream.send_all(GET)
            await stream.receive_some()
            await wait_all_tasks_blocked()
            (outlet,) = lines.outlets
            assert outlet is not None
            assert not outlet.offer(b"z" * (4 << 20), 1)
        lines.go_on.set()
        await lines.ended.wait()


async def test_what_has_no_chunks_has_no_outlet(tmp_path: Path) -> None:
    lines = Lines()
    lines.go_on.set()
    async with (
        serving(lines.register, tmp_path / "s"),
        await trio.open_unix_socket(str(tmp_path / "s")) as stream,
    ):
        await stream.send_all(b"GET /lines HTTP/1.0\r\n\r\n")
        got = b""
        async for piece in stream:
            got += piece
    assert got.endswith(b"\r\n\r\nfirst,last")
    assert lines.outlets == [None]
