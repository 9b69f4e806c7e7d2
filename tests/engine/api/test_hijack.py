from __future__ import annotations

import hashlib
import logging
from functools import partial
from pathlib import Path

import pytest
import trio
from quart_trio import QuartTrio
from trio_websocket import wrap_client_stream

from engine.api.bodies import read_body
from engine.api.hijack import MULTIPLEXED_STREAM, hijack, hijack_head, hijack_websocket
from engine.errors import NotFound
from tests.engine.api.serving import Client, connect, serving

ATTACH = b"POST /containers/x/attach HTTP/1.1\r\nHost: x\r\n"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: tcp\r\n"


def register(app: QuartTrio) -> None:
    @app.post("/containers/<id>/attach")
    async def attach(id: str):  # type: ignore[no-untyped-def]
        if id == "nope":
            raise NotFound(f"No such container: {id}")
        async with await hijack() as stream:
            async for data in stream:
                await stream.send_all(data)
            await stream.send_all(b"<end>")
            await stream.send_eof()

    @app.post("/exec/<id>/start")
    async def start(id: str):  # type: ignore[no-untyped-def]
        body = await read_body()
        stream = await hijack(content_type=MULTIPLEXED_STREAM)
        await stream.send_all(body)

    @app.post("/broken")
    async def broken():  # type: ignore[no-untyped-def]
        await hijack()
        raise RuntimeError("boom")

    @app.get("/containers/<id>/attach/ws")
    async def attach_ws(id: str):  # type: ignore[no-untyped-def]
        async with hijack_websocket() as socket:
            await socket.send_message((await socket.get_message()).upper())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s"


def test_heads_are_dockerds() -> None:
    assert hijack_head("application/vnd.docker.raw-stream", "tcp") == (
        b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"
        b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
    )
    assert hijack_head("x/y", None) == b"HTTP/1.1 200 OK\r\nContent-Type: x/y\r\n\r\n"


async def test_an_upgrade_is_answered_with_101_and_half_closes_right(path: Path) -> None:
    async with serving(register, path), await connect(path) as client:
        await client.send(ATTACH + UPGRADE + b"\r\n")
        assert (await client.read_head()).startswith("HTTP/1.1 101 UPGRADED\r\nContent-Type: ")
        await client.send(b"hello")
        assert await client.read_until(b"hello") == b"hello"
        await client.stream.send_eof()
        assert await client.rest() == b"<end>"


async def test_without_upgrade_it_is_200(path: Path) -> None:
    async with serving(register, path), await connect(path) as client:
        await client.send(ATTACH + b"Content-Length: 0\r\n\r\n")
        assert await client.read_head() == (
            "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"
        )
        await client.send(b"hello")
        await client.stream.send_eof()
        assert await client.rest() == b"hello<end>"


@pytest.mark.parametrize("upgrade", [UPGRADE, b""])
async def test_bytes_sent_along_with_the_request_are_input(path: Path, upgrade: bytes) -> None:
    async with serving(register, path), await connect(path) as client:
        await client.send(ATTACH + upgrade + b"\r\nearly ")
        await client.read_head()
        await client.send(b"late")
        await client.stream.send_eof()
        assert await client.rest() == b"early late<end>"


async def test_input_that_ends_with_the_request_is_not_a_client_gone(path: Path) -> None:
    async with serving(register, path), await connect(path) as client:
        await client.send(ATTACH + UPGRADE + b"\r\nall of it")
        await client.stream.send_eof()
        await client.read_head()
        assert await client.rest() == b"all of it<end>"


async def test_the_body_is_read_before_the_hijack(path: Path) -> None:
    async with serving(register, path), await connect(path) as client:
        await client.send(
            b"POST /v1.41/exec/x/start HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
            + UPGRADE
            + b"\r\n{ }"
        )
        assert "multiplexed-stream" in await client.read_head()
        assert await client.rest() == b"{ }"


async def test_an_error_before_the_hijack_is_an_ordinary_answer(path: Path) -> None:
    async with serving(register, path), await connect(path) as client:
        await client.send(
            b"POST /containers/nope/attach HTTP/1.1\r\nHost: x\r\n" + UPGRADE + b"\r\n"
        )
        assert (await client.read_head()).startswith("HTTP/1.1 404 Not Found")
        await client.read_until(b"\n")
        # The upgrade was refused: the connection speaks HTTP on.
        await client.send(b"GET /nope HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await client.read_head()).startswith("HTTP/1.1 404 Not Found")


async def test_an_error_after_the_hijack_closes(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        async with serving(register, path), await connect(path) as client:
            await client.send(b"POST /broken HTTP/1.1\r\nHost: x\r\n\r\n")
            await client.read_head()
            assert await client.rest() == b""
    assert "boom" in caplog.text


async def test_64_megabytes_go_through_intact(path: Path) -> None:
    block = bytes(range(256)) * 4096
    sent, received = hashlib.sha256(), hashlib.sha256()

    async def feed(client: Client) -> None:
        for _ in range(64):
            sent.update(block)
            await client.send(block)
        await client.stream.send_eof()

    async with serving(register, path), await connect(path) as client:
        await client.send(ATTACH + UPGRADE + b"\r\n")
        await client.read_head()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed, client)
            tail = b""
            async for data in client.stream:
                tail += bytes(data)
                if len(tail) > 5:
                    received.update(tail[:-5])
                    tail = tail[-5:]
        assert tail == b"<end>"
    assert received.digest() == sent.digest()


async def test_websockets(path: Path) -> None:
    async with serving(register, path):
        raw = await trio.open_unix_socket(str(path))
        async with trio.open_nursery() as nursery:
            socket = await wrap_client_stream(
                nursery, raw, "docker", "/v1.41/containers/x/attach/ws"
            )
            await socket.send_message("hello")
            assert await socket.get_message() == "HELLO"
            await socket.aclose()


async def test_many_hijack_at_once(path: Path) -> None:
    async def one(text: bytes) -> None:
        async with await connect(path) as client:
            await client.send(ATTACH + UPGRADE + b"\r\n" + text)
            await client.read_head()
            await client.stream.send_eof()
            assert await client.rest() == text + b"<end>"

    async with serving(register, path), trio.open_nursery() as nursery:
        for i in range(50):
            nursery.start_soon(partial(one, b"%d" % i))
