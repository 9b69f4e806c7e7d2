from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
import trio
from quart_trio import QuartTrio

from engine.api import connection
from engine.api.responses import json_response, raw_response
from engine.api.server import Limits
from tests.engine.api.serving import connect, serving


class Routes:
    def __init__(self) -> None:
        self.cancelled = trio.Event()
        self.entered = trio.Event()

    def __call__(self, app: QuartTrio) -> None:
        @app.get("/_ping")
        async def ping():  # type: ignore[no-untyped-def]
            return raw_response(b"OK", content_type="text/plain")

        @app.post("/containers/<id>/wait")
        async def wait(id: str):  # type: ignore[no-untyped-def]
            self.entered.set()
            try:
                await trio.sleep_forever()
            except trio.Cancelled:
                self.cancelled.set()
                raise

        @app.get("/slow")
        async def slow():  # type: ignore[no-untyped-def]
            await trio.sleep(0.05)
            return json_response("slow")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s"


async def test_a_connection_is_kept_alive(path: Path) -> None:
    async with serving(Routes(), path) as server, await connect(path) as client:
        for _ in range(20):
            assert (await client.ask("GET", "/_ping")).body == b"OK"
        assert server.connections == 1


async def test_an_idle_connection_ends_in_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "IDLE_SECONDS", 0.1)
    async with serving(Routes(), path), await connect(path) as client:
        await client.ask("GET", "/_ping")
        assert (await client.ask("GET", "/slow")).json == "slow"
        assert await client.rest() == b""


async def test_pipelined_requests_are_answered_in_turn(path: Path) -> None:
    async with serving(Routes(), path), await connect(path) as client:
        slow = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"
        ping = b"GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        await client.send(slow + slow + ping)
        found = await client.rest()
        assert found.count(b"200 OK") == 3
        assert found.endswith(b"OK")


@pytest.mark.parametrize("extra", [b"", b"Connection: Upgrade\r\nUpgrade: h2c\r\n"])
async def test_a_client_that_leaves_cancels_its_handler(path: Path, extra: bytes) -> None:
    routes = Routes()
    async with serving(routes, path):
        async with await connect(path) as client:
            await client.send(b"POST /containers/x/wait HTTP/1.1\r\nHost: x\r\n" + extra + b"\r\n")
            await routes.entered.wait()
            assert not routes.cancelled.is_set()
        with trio.fail_after(1):
            await routes.cancelled.wait()


async def test_an_h2c_upgrade_is_ignored(path: Path) -> None:
    async with serving(Routes(), path), await connect(path) as client:
        for _ in range(2):
            await client.send(
                b"GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n"
            )
            assert (await client.read_head()).startswith("HTTP/1.1 200 OK")
            assert await client.read_until(b"OK") == b"OK"


async def test_http_1_0_closes_after_the_answer(path: Path) -> None:
    async with serving(Routes(), path), await connect(path) as client:
        await client.send(b"GET /_ping HTTP/1.0\r\n\r\n")
        assert (await client.rest()).endswith(b"OK")


async def test_garbage_is_a_bad_request(path: Path) -> None:
    async with serving(Routes(), path), await connect(path) as client:
        await client.send(b"garbage\r\n\r\n")
        assert (await client.rest()).startswith(b"HTTP/1.1 400 Bad Request")


async def test_large_headers_are_read(path: Path) -> None:
    async with serving(Routes(), path), await connect(path) as client:
        answer = await client.ask("GET", "/_ping", X_Registry_Config="x" * 200_000)
        assert answer.status == 200


@pytest.mark.parametrize("before", [False, True])
async def test_head_that_trickles_in_is_cut_off(path: Path, *, before: bool) -> None:
    """Slow loris: each byte would put an idle deadline off."""
    async with (
        serving(Routes(), path, limits=Limits(head_seconds=0.3)),
        await connect(path) as slow,
    ):
        if before:
            assert (await slow.ask("GET", "/_ping")).status == 200
            await trio.sleep(0.4)  # idle is no head
        began = trio.current_time()
        with suppress(trio.BrokenResourceError):
            for each in b"GET /_ping HTTP/1.1\r\nX: " + b"y" * 1000:
                await slow.send(bytes([each]))
                await trio.sleep(0.02)
        assert 0.2 < trio.current_time() - began < 10
        async with await connect(path) as other:
            assert (await other.ask("GET", "/_ping")).status == 200


async def test_connection_without_a_request_is_cut_off(path: Path) -> None:
    async with serving(Routes(), path, limits=Limits(head_seconds=0.1)):
        async with await connect(path) as silent:
            assert await silent.rest() == b""
        async with await connect(path) as client:
            assert (await client.ask("GET", "/slow")).json == "slow"
