from __future__ import annotations

from pathlib import Path

from quart_trio import QuartTrio

from engine.api.responses import raw_response
from engine.api.wire import WireConfig
from tests.engine.api.serving import connect, serving


def test_the_date_is_formatted_once_a_second() -> None:
    config = WireConfig()
    ((name, first),) = config.response_headers("h11")
    assert name == b"Date"
    assert first.endswith(b"GMT")
    assert config.response_headers("h11")[0][1] in {first, config._date[1]}


async def test_a_short_answer_leaves_in_one_write(tmp_path: Path) -> None:
    def register(app: QuartTrio) -> None:
        @app.get("/_ping")
        async def ping():  # type: ignore[no-untyped-def]
            return raw_response(b"OK")

    async with serving(register, tmp_path / "s"), await connect(tmp_path / "s") as client:
        await client.send(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
        whole = bytes(await client.stream.receive_some(65536))
        assert whole.startswith(b"HTTP/1.1 200 OK\r\n")
        assert whole.endswith(b"\r\n\r\nOK")


async def test_a_missing_host_is_a_bad_request_and_ends_the_connection(tmp_path: Path) -> None:
    async with (
        serving(lambda app: None, tmp_path / "s"),
        await connect(tmp_path / "s") as client,
    ):
        await client.send(b"GET /_ping HTTP/1.1\r\n\r\n")
        assert (await client.rest()).endswith(b"400 Bad Request")
