from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import trio
from quart import Response
from quart_trio import QuartTrio
from trio.testing import wait_all_tasks_blocked
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream

from engine.api.feeds import (
    MOST_CREDIT,
    NO_PONG,
    NOT_UNDERSTOOD,
    POLICY,
    Closing,
    Feed,
    Window,
    open_feed,
)
from engine.api.frames import TEXT, frame
from engine.api.responses import empty_response
from tests.engine.api.serving import ask, connect, serving

HANDSHAKE = (
    b"GET /feed HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)


def numbers(numbers: Iterable[int]) -> list[bytes]:
    return [frame(b"%d" % each, TEXT) for each in numbers]


def feed(
    tell: Callable[[Feed], object] | None = None,
    window: Window | None = None,
    every: float = 100.0,
    limit: float = 100.0,
) -> Callable[[QuartTrio], None]:
    """A route that tells the numbers from 0 on, or does `tell`."""

    def register(app: QuartTrio) -> None:
        @app.get("/feed")
        async def route() -> Response:
            async with open_feed(window or Window(), every=every, limit=limit) as feed:
                if tell is not None:
                    await tell(feed)  # type: ignore[misc]
                else:
                    await feed.send(numbers(range(100)))
                    await trio.sleep_forever()
            return empty_response(200)

        @app.get("/ping")
        async def ping() -> Response:
            return empty_response(200)

    return register


async def stay(feed: Feed) -> None:
    await trio.sleep_forever()


@asynccontextmanager
async def client(path: Path) -> AsyncIterator[WebSocketConnection]:
    stream = await trio.open_unix_socket(str(path))
    async with stream, trio.open_nursery() as nursery:
        yield await wrap_client_stream(nursery, stream, "docker", "/feed")
        nursery.cancel_scope.cancel()


async def closed(connection: WebSocketConnection) -> tuple[int, str | None]:
    reason = None
    while reason is None:
        try:
            await connection.get_message()
        except ConnectionClosed as closed:
            reason = closed.reason
    return reason.code, reason.reason


async def test_window_is_open_until_the_client_says_a_number(autojump_clock: object) -> None:
    window = Window()
    assert await window.take(7) == 7
    window.grant(5)
    assert [await window.take(3), await window.take(3)] == [3, 2]
    with trio.move_on_after(1) as waiting:
        await window.take(1)
    assert waiting.cancelled_caught
    window.grant(1)
    assert await window.take(9) == 1
    for wrong in (0, -1, MOST_CREDIT + 1):
        with pytest.raises(Closing, match="credit must be"):
            window.grant(wrong)


async def test_all_comes_to_who_never_spoke_of_credit(tmp_path: Path) -> None:
    async with serving(feed(), tmp_path / "s"), client(tmp_path / "s") as connection:
        assert [await connection.get_message() for _ in range(100)] == [
            str(each) for each in range(100)
        ]


@pytest.mark.parametrize("encode", [msgspec.json.encode, msgspec.msgpack.encode])
async def test_no_more_comes_than_there_is_credit_for(
    tmp_path: Path, encode: Callable[[object], bytes]
) -> None:
    async with serving(feed(window=Window(3)), tmp_path / "s"), client(tmp_path / "s") as it:
        assert [await it.get_message() for _ in range(3)] == ["0", "1", "2"]
        grant = encode({"credit": 2})
        await it.send_message(grant.decode() if grant[:1] == b"{" else grant)
        assert [await it.get_message() for _ in range(2)] == ["3", "4"]
        await it.ping()
        await wait_all_tasks_blocked(0.05)
        with trio.move_on_after(0.05) as waiting:
            await it.get_message()
        assert waiting.cancelled_caught


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("what?", NOT_UNDERSTOOD),
        ('{"credit": "many"}', NOT_UNDERSTOOD),
        ('{"other": 1}', NOT_UNDERSTOOD),
        (b"\xff\x00", NOT_UNDERSTOOD),
        ('{"credit": 0}', POLICY),
        ("x" * 5000, 1009),
    ],
)
async def test_client_that_says_something_else_is_told_and_let_go(
    tmp_path: Path, message: str | bytes, code: int
) -> None:
    async with serving(feed(), tmp_path / "s"):
        async with client(tmp_path / "s") as connection:
            await connection.send_message(message)
            found, reason = await closed(connection)
            assert found == code
            assert reason
        assert (await ask(tmp_path / "s", "GET", "/ping")).status == 200


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x81\x05hello",  # not masked
        b"\xff" * 40,  # reserved bits and opcode
        b"\x89\xfe\x01\x00" + b"\x00" * 260,  # a ping that is too long
        b"\x81\x82\x00\x00\x00\x00\xff\xff",  # text that is none
        b"\x80\x81\x00\x00\x00\x00x",  # goes on with what was never begun
    ],
)
async def test_malformed_frames_end_their_own_connection_alone(
    tmp_path: Path, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(feed(stay), tmp_path / "s"):
        async with client(tmp_path / "s") as other, await connect(tmp_path / "s") as bad:
            await bad.send(HANDSHAKE)
            assert (await bad.read_head()).startswith("HTTP/1.1 101 ")
            await bad.send(garbage)
            assert (await bad.rest())[:1] == b"\x88"  # a close frame, then the end
            await other.ping()
        assert (await ask(tmp_path / "s", "GET", "/ping")).status == 200
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


@pytest.mark.parametrize(
    ("was", "becomes", "text"),
    [
        (b"Upgrade: websocket", b"Upgrade: tcp", "must ask for an upgrade"),
        (b"Connection: Upgrade", b"Connection: close", "must ask for an upgrade"),
        (b"Version: 13", b"Version: 8", "only version 13"),
        (b"MDEyMzQ1Njc4OWFiY2RlZg==", b"MDEy", "invalid Sec-WebSocket-Key"),
        (b"MDEyMzQ1Njc4OWFiY2RlZg==", b"!", "invalid Sec-WebSocket-Key"),
    ],
)
async def test_handshake_that_is_none_is_refused_at_once(
    tmp_path: Path, was: bytes, becomes: bytes, text: str
) -> None:
    async with serving(feed(), tmp_path / "s"), await connect(tmp_path / "s") as bad:
        await bad.send(HANDSHAKE.replace(was, becomes))
        assert (await bad.read_head()).startswith("HTTP/1.1 400 ")
        assert text in (await bad.read_until(b"}\n")).decode()


async def test_client_that_answers_no_ping_is_let_go_with_the_reason(tmp_path: Path) -> None:
    at = tmp_path / "s"
    async with serving(feed(stay, every=0.05, limit=0.3), at), await connect(at) as deaf:
        await deaf.send(HANDSHAKE)
        await deaf.read_head()
        ended = await deaf.rest()
    assert ended.endswith(b"no pong within 0.3 s")
    assert int.from_bytes(ended[-22:-20], "big") == NO_PONG


async def test_client_that_answers_stays(tmp_path: Path) -> None:
    at = tmp_path / "s"
    async with serving(feed(stay, every=0.01, limit=10), at), client(at) as good:
        for _ in range(10):
            await good.ping()
            await trio.sleep(0.01)
        assert good.closed is None


async def test_client_that_reads_nothing_is_cut_off(tmp_path: Path) -> None:
    ended = trio.Event()

    async def flood(feed: Feed) -> None:
        try:
            while True:
                await feed.send([frame(b"x" * 60000, TEXT)] * 10)
        finally:
            ended.set()

    at = tmp_path / "s"
    async with serving(feed(flood, every=0.1, limit=0.3), at), await connect(at) as deaf:
        await deaf.send(HANDSHAKE)
        await deaf.read_head()
        await ended.wait()
        assert len(await deaf.rest()) > 60000


async def test_end_of_the_stream_and_of_the_daemon_have_their_codes(tmp_path: Path) -> None:
    async def nothing(feed: Feed) -> None:
        await feed.say(frame(b"hello", TEXT))

    async with serving(feed(nothing), tmp_path / "s"), client(tmp_path / "s") as connection:
        assert await connection.get_message() == "hello"
        assert await closed(connection) == (1000, "this is all")

    async with serving(feed(), tmp_path / "t") as server, client(tmp_path / "t") as connection:
        await connection.get_message()
        await server.stop()
        assert await closed(connection) == (1001, "the daemon stops")


async def test_bug_in_a_feed_is_told_as_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(feed: Feed) -> None:
        raise ZeroDivisionError

    async with serving(feed(broken), tmp_path / "s"), client(tmp_path / "s") as connection:
        assert (await closed(connection))[0] == 1011
    assert "a hijacked connection failed" in caplog.text
