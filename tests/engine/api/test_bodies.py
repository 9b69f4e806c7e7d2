from __future__ import annotations

import resource
from pathlib import Path

import msgspec
import pytest
import trio
from quart_trio import QuartTrio

from engine.api.bodies import body_stream, check_content_type, read_json
from engine.api.responses import json_response
from engine.errors import InvalidParameter
from tests.engine.api.serving import ask, connect, serving


class Create(msgspec.Struct, rename="pascal"):
    name: str = ""
    size: int = 0


def register(app: QuartTrio) -> None:
    @app.post("/networks/create")
    async def create():  # type: ignore[no-untyped-def]
        return json_response(await read_json(Create), 201)

    @app.post("/load")
    async def load():  # type: ignore[no-untyped-def]
        total = biggest = 0
        async for chunk in body_stream():
            total += len(chunk)
            biggest = max(biggest, len(chunk))
        return json_response({"total": total, "biggest": biggest})

    @app.post("/refuse")
    async def refuse():  # type: ignore[no-untyped-def]
        raise InvalidParameter("not now")


def test_only_json_is_json() -> None:
    check_content_type("application/json; charset=utf-8")
    with pytest.raises(InvalidParameter) as raised:
        check_content_type("text/plain")
    assert str(raised.value) == "Content-Type specified (text/plain) must be 'application/json'"


async def test_json_bodies(tmp_path: Path) -> None:
    async def post(body: bytes, **headers: str) -> tuple[int, object]:
        answer = await ask(path, "POST", "/networks/create", body, **headers)
        return answer.status, answer.json

    json = {"Content_Type": "application/json"}
    path = tmp_path / "s"
    async with serving(register, path):
        assert await post(b'{"Name":"a","X":1}', **json) == (201, {"Name": "a", "Size": 0})
        assert await post(b"", **json) == (201, {"Name": "", "Size": 0})
        assert await post(b"") == (201, {"Name": "", "Size": 0})
        assert await post(b"{}") == (
            400,
            {"message": "Content-Type specified () must be 'application/json'"},
        )
        for bad in (b"abc", b'{"Name":"a"', b'{"Size":"x"}', b"{} {}"):
            assert (await post(bad, **json))[0] == 400


async def test_a_slow_reader_slows_the_upload_down(tmp_path: Path) -> None:
    gate = trio.Event()

    def slow(app: QuartTrio) -> None:
        @app.post("/load")
        async def load():  # type: ignore[no-untyped-def]
            await gate.wait()
            return json_response(sum([len(chunk) async for chunk in body_stream()]))

    size = 64 * 1024 * 1024
    async with serving(slow, tmp_path / "s"), await connect(tmp_path / "s") as client:
        sent = 0
        await client.send(b"POST /load HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
        with trio.move_on_after(0.5):
            for _ in range(64):
                await client.send(bytes(1024 * 1024))
                sent += 1
        assert sent < 8
        assert not gate.is_set()


async def test_a_large_upload_takes_little_memory(tmp_path: Path) -> None:
    size = 200 * 1024 * 1024
    block = bytes(1024 * 1024)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with serving(register, tmp_path / "s"), await connect(tmp_path / "s") as client:
        await client.send(b"POST /load HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(200):
            await client.send(block)
        head = await client.read_head()
        assert head.startswith("HTTP/1.1 200 OK")
        body = await client.stream.receive_some(1000)
        answer = msgspec.json.decode(bytes(body))
        assert answer["total"] == size
        assert answer["biggest"] <= 65536
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024


async def test_a_client_that_asks_first_is_told_to_continue_when_it_is_read(tmp_path: Path) -> None:
    expect = b"Host: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    async with serving(register, tmp_path / "s"):
        async with await connect(tmp_path / "s") as client:
            await client.send(b"POST /load HTTP/1.1\r\n" + expect)
            assert await client.read_head() == "HTTP/1.1 100 Continue\r\n\r\n"
            await client.send(b"abc")
            assert (await client.read_head()).startswith("HTTP/1.1 200 OK")
        async with await connect(tmp_path / "s") as client:
            await client.send(b"POST /refuse HTTP/1.1\r\n" + expect)
            assert (await client.read_head()).startswith("HTTP/1.1 400 Bad Request")
            assert (await client.rest()).endswith(b"\n")


async def test_an_upload_answered_early_is_drained_and_the_connection_kept(tmp_path: Path) -> None:
    size = 4 * 1024 * 1024
    async with serving(register, tmp_path / "s"), await connect(tmp_path / "s") as client:
        await client.send(b"POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
        await client.send(bytes(size))
        assert (await client.read_head()).startswith("HTTP/1.1 400 Bad Request")
        await client.read_until(b"\n")
        assert (await client.ask("POST", "/load", b"abc")).json["total"] == 3


async def test_small_chunks_of_one_read_arrive_together(tmp_path: Path) -> None:
    """A client that streams a tar sends each header as a chunk of its own."""
    chunks = b"".join(b"3\r\nabc\r\n" for _ in range(1000)) + b"0\r\n\r\n"
    head = b"POST /load HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with serving(register, tmp_path / "s"), await connect(tmp_path / "s") as client:
        await client.send(head + chunks)
        await client.read_head()
        found = msgspec.json.decode(await client.read_until(b"}\n"))
    assert found["total"] == 3000
    assert found["biggest"] > 1000
