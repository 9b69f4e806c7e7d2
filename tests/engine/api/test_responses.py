from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio
from quart import request
from quart_trio import QuartTrio

from engine.api.app import api_version
from engine.api.responses import empty_response, json_response, stream_response
from engine.errors import NotFound
from tests.engine.api.serving import ask, connect, serving


class Watched:
    def __init__(self) -> None:
        self.go = trio.Event()
        self.cancelled = trio.Event()
        self.ended = trio.Event()

    def register(self, app: QuartTrio) -> None:
        @app.get("/events")
        async def events():  # type: ignore[no-untyped-def]
            return stream_response(self.chunks())

        @app.post("/images/create")
        async def pull():  # type: ignore[no-untyped-def]
            return stream_response(self.fails(), headers_first=False)

        @app.get("/broken")
        async def broken():  # type: ignore[no-untyped-def]
            return stream_response(self.fails())

        @app.get("/flood")
        async def flood():  # type: ignore[no-untyped-def]
            return stream_response(self.flood())

        @app.get("/beside")
        async def beside():  # type: ignore[no-untyped-def]
            return stream_response(self.beside(), headers_first=False)

        @app.get("/crash")
        async def crash():  # type: ignore[no-untyped-def]
            return stream_response(self.crashes(), headers_first=False)

        @app.post("/containers/<id>/start")
        async def start(id: str):  # type: ignore[no-untyped-def]
            return empty_response()

        @app.get("/info")
        async def info():  # type: ignore[no-untyped-def]
            return json_response({"a": 1}, headers={"X-Docker-Thing": "y"})

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            await self.go.wait()
            yield f"{request.path} {api_version()}\n".encode()
            await trio.sleep_forever()
        except trio.Cancelled:
            self.cancelled.set()
            raise
        finally:
            self.ended.set()

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[AsyncIterator[bytes]]:
        """A task of its own feeds the body."""
        send, receive = trio.open_memory_channel[bytes](1)

        async def work() -> None:
            try:
                await send.send(b"first\n")
                await trio.sleep_forever()
            finally:
                self.cancelled.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(work)
            yield receive
            nursery.cancel_scope.cancel()

    @asynccontextmanager
    async def crashes(self) -> AsyncIterator[AsyncIterator[bytes]]:
        """The work beside the body breaks before there is anything to send."""
        send, receive = trio.open_memory_channel[bytes](1)

        async def work() -> None:
            async with send:
                await trio.lowlevel.checkpoint()
                raise ValueError("it broke")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(work)
            yield receive

    async def fails(self) -> AsyncIterator[bytes]:
        await trio.lowlevel.checkpoint()
        raise NotFound("no such image")
        yield b""

    async def flood(self) -> AsyncIterator[bytes]:
        try:
            while True:
                yield bytes(65536)
        finally:
            self.ended.set()


async def test_json_ends_in_a_newline_and_headers_keep_their_case(tmp_path: Path) -> None:
    async with serving(Watched().register, tmp_path / "s"):
        answer = await ask(tmp_path / "s", "GET", "/info")
    assert answer.body == b'{"a":1}\n'
    assert (answer.status, answer.reason) == (200, "OK")
    assert answer.headers.pop("Date")
    assert answer.headers == {
        "Api-Version": "1.51",
        "Content-Length": "8",
        "Content-Type": "application/json",
        "Docker-Experimental": "false",
        "Ostype": "linux",
        "Server": "Docker/0.1.0 (linux)",
        "X-Docker-Thing": "y",
    }


async def test_no_content_has_neither_type_nor_length(tmp_path: Path) -> None:
    async with serving(Watched().register, tmp_path / "s"):
        answer = await ask(tmp_path / "s", "POST", "/containers/x/start")
    assert (answer.status, answer.reason) == (204, "No Content")
    assert not {"Content-Type", "Content-Length", "Transfer-Encoding"} & set(answer.headers)


async def test_a_streams_head_does_not_wait_for_its_first_chunk(tmp_path: Path) -> None:
    watched = Watched()
    async with serving(watched.register, tmp_path / "s"), await connect(tmp_path / "s") as client:
        await client.send(b"GET /v1.40/events HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await client.read_head()
        assert "Transfer-Encoding: chunked" in head
        watched.go.set()
        assert await client.read_until(b"\n\r\n") == b"10\r\n/events (1, 40)\n\r\n"


async def test_a_client_that_leaves_cancels_the_stream(tmp_path: Path) -> None:
    watched = Watched()
    async with serving(watched.register, tmp_path / "s"):
        async with await connect(tmp_path / "s") as client:
            await client.send(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
            await client.read_head()
        with trio.fail_after(1):
            await watched.cancelled.wait()
            await watched.ended.wait()


async def test_work_that_breaks_beside_a_stream_before_its_first_chunk_is_an_answer(
    tmp_path: Path,
) -> None:
    async with serving(Watched().register, tmp_path / "s"):
        answer = await ask(tmp_path / "s", "GET", "/crash")
    assert (answer.status, answer.json) == (500, {"message": "it broke"})


async def test_a_client_that_leaves_ends_the_work_beside_the_stream(tmp_path: Path) -> None:
    watched = Watched()
    async with serving(watched.register, tmp_path / "s"):
        async with await connect(tmp_path / "s") as client:
            await client.send(b"GET /beside HTTP/1.1\r\nHost: x\r\n\r\n")
            await client.read_head()
            assert not watched.cancelled.is_set()
        with trio.fail_after(1):
            await watched.cancelled.wait()


async def test_a_client_that_leaves_in_mid_flood_cancels_the_stream(tmp_path: Path) -> None:
    watched = Watched()
    async with serving(watched.register, tmp_path / "s"):
        async with await connect(tmp_path / "s") as client:
            await client.send(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
            await client.read_head()
        with trio.fail_after(1):
            await watched.ended.wait()


async def test_an_error_before_the_first_chunk_is_an_ordinary_answer(tmp_path: Path) -> None:
    async with serving(Watched().register, tmp_path / "s"):
        answer = await ask(tmp_path / "s", "POST", "/images/create")
    assert (answer.status, answer.json) == (404, {"message": "no such image"})


async def test_an_error_after_the_head_cuts_the_stream_short(tmp_path: Path) -> None:
    async with serving(Watched().register, tmp_path / "s"), await connect(tmp_path / "s") as client:
        await client.send(b"GET /broken HTTP/1.1\r\nHost: x\r\n\r\n")
        assert "200 OK" in await client.read_head()
        assert await client.rest() == b""
