"""Over trio's streams in memory: the connection is the only thing that is not real."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import memory_stream_pair

from engine.adapters.pluginhttp import wire
from engine.adapters.pluginhttp.wire import HttpWire
from engine.domain.plugins.ports import Answer, BadAnswer, Endpoint, NotReached

WHERE = Endpoint(name="p", address="unix:///p.sock")
Talk = Callable[[trio.abc.Stream], Awaitable[None]]


async def ask(monkeypatch: pytest.MonkeyPatch, talk: Talk, limit: int = 1000) -> Answer:
    ours, theirs = memory_stream_pair()

    async def connect(_: Endpoint) -> trio.abc.Stream:
        return ours

    monkeypatch.setattr(wire, "_connect", connect)
    found: list[Answer] = []
    failure: list[BadAnswer] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(talk, theirs)
        try:
            found.append(await HttpWire().post(WHERE, "/M.X", b'{"a":1}', limit=limit))
        except BadAnswer as error:
            failure.append(error)
        nursery.cancel_scope.cancel()
    if failure:
        raise failure[0]
    return found[0]


def says(data: bytes) -> Talk:
    async def talk(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        with contextlib.suppress(trio.BrokenResourceError):
            await stream.send_all(data)
        await stream.aclose()

    return talk


async def test_request_is_one_that_plugins_know(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = bytearray()

    async def talk(stream: trio.abc.Stream) -> None:
        heard.extend(await stream.receive_some() or b"")
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    assert await ask(monkeypatch, talk) == Answer(200, b"{}")
    head, _, body = bytes(heard).partition(b"\r\n\r\n")
    assert head.startswith(b"POST /M.X HTTP/1.1\r\n")
    assert b"Accept: application/vnd.docker.plugins.v1.2+json" in head
    assert body == b'{"a":1}'


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n{}",
    ],
)
async def test_any_framing_is_read(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    assert await ask(monkeypatch, says(data)) == Answer(200, b"{}")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\x00\xff garbage\r\n\r\n", "no HTTP"),
        (b"", "ended before the answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000, "larger than 1000"),
    ],
)
async def test_what_is_no_answer_is_said(
    monkeypatch: pytest.MonkeyPatch, data: bytes, text: str
) -> None:
    with pytest.raises(BadAnswer, match=text):
        await ask(monkeypatch, says(data))


async def test_nobody_there_is_told_with_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(_: str) -> trio.SocketStream:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(trio, "open_unix_socket", refuse)
    with pytest.raises(NotReached, match=r"dial unix /p\.sock: connection refused"):
        await HttpWire().post(WHERE, "/M.X", b"", limit=10)
