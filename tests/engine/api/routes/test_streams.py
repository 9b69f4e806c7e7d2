from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio_websocket import wrap_client_stream

from engine.api.routes.streams import moment
from engine.domain.streams.frames import frame
from engine.errors import InvalidParameter
from tests.engine.api.routes.house import House, house
from tests.engine.api.serving import connect
from tests.engine.domain.containers.passing import settled

UPGRADE = b"Connection: Upgrade\r\nUpgrade: tcp\r\n"


async def printed(at: House, name: str, *pieces: bytes) -> None:
    """The container has printed this, and ended."""
    cell = at.daemon.containers.cell(name)
    for piece in pieces:
        at.daemon.runtime.write(cell.id, piece)
        await settled()
    await at.daemon.ends(cell)


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("stdout=1", b"one\ntwo\n"),
        ("stdout=1&tail=1", b"two\n"),
        ("stdout=1&tail=all", b"one\ntwo\n"),
        ("stdout=1&tail=0", b""),
        ("stderr=1", b""),
        ("stdout=1&since=4102444800", b""),
        ("stdout=1&until=1", b""),
        ("stdout=1&follow=1", b"one\ntwo\n"),
    ],
)
async def test_log_is_selected_by_the_query(tmp_path: Path, query: str, body: bytes) -> None:
    async with house(tmp_path) as at:
        await at.run("web", Tty=True)
        await printed(at, "web", b"one\ntwo\n")
        answer = await at.ask("GET", f"/containers/web/logs?{query}")
        assert (answer.status, answer.body) == (200, body)
        assert answer.headers["Content-Type"] == "application/vnd.docker.raw-stream"


async def test_log_without_a_terminal_is_framed_and_says_so_from_1_42_on(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.run("web")
        await printed(at, "web", b"one\n")
        answer = await at.ask("GET", "/containers/web/logs?stdout=1&stderr=1")
        assert answer.body == frame("stdout", b"one\n")
        assert answer.headers["Content-Type"] == "application/vnd.docker.multiplexed-stream"
        answer = await at.ask("GET", "/v1.41/containers/web/logs?stdout=1")
        assert answer.headers["Content-Type"] == "application/vnd.docker.raw-stream"


@pytest.mark.parametrize(
    ("target", "status", "text"),
    [
        ("/containers/no/logs?stdout=1", 404, "No such container: no"),
        (
            "/containers/web/logs",
            400,
            "Bad parameters: you must choose at least one stream",
        ),
        ("/containers/web/logs?stdout=1&since=x", 400, 'invalid value for "since": x'),
    ],
)
async def test_log_refusals(tmp_path: Path, target: str, status: int, text: str) -> None:
    async with house(tmp_path) as at:
        await at.create("web")
        assert await at.told("GET", target) == (status, text)


async def test_log_says_where_it_goes(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.create("web")
        answer = await at.ask("GET", "/_trimaran/containers/web/log")
        assert (answer.status, answer.json) == (200, {"Driver": "json-file"})
        assert (await at.told("GET", "/_trimaran/containers/no/log"))[0] == 404


async def test_attach_takes_the_connection_to_the_end_of_the_output(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.run("web")
        async with await connect(at.path) as client:
            await client.send(
                b"POST /containers/web/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: d\r\n"
                + UPGRADE
                + b"\r\n"
            )
            head = await client.read_head()
            assert head.startswith("HTTP/1.1 101 UPGRADED")
            await settled()
            await printed(at, "web", b"hello")
            assert await client.rest() == frame("stdout", b"hello")


async def test_attach_is_refused_before_the_upgrade(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        assert (await at.told("POST", "/containers/no/attach?stream=1"))[0] == 404
        made = await at.run("web")
        await at.ask("POST", "/containers/web/pause")
        text = f"container {made} is paused, unpause the container before attach"
        assert await at.told("POST", "/containers/web/attach?stream=1") == (409, text)
        status, _ = await at.told("POST", "/containers/no/attach?detachKeys=nosuch")
        assert status == 404


async def test_attach_over_a_websocket(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.run("web", Tty=True)
        stream = await trio.open_unix_socket(str(at.path))
        async with trio.open_nursery() as nursery:
            target = "/containers/web/attach/ws?stream=1&stdout=1"
            socket = await wrap_client_stream(nursery, stream, "docker", target)
            await settled()
            await printed(at, "web", b"hello")
            assert await socket.get_message() == b"hello"
            await socket.aclose()
        await stream.aclose()


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("", None),
        ("0", None),
        ("10", 10_000_000_000),
        ("10.5", 10_500_000_000),
        ("10.000000001999", 10_000_000_001),
        ("1970-01-01T00:00:01Z", 1_000_000_000),
        ("1970-01-01T01:00:01+01:00", 1_000_000_000),
    ],
)
def test_moments_are_seconds_or_rfc3339(text: str, ns: int | None) -> None:
    assert moment(text, "since") == ns


@pytest.mark.parametrize("text", ["soon", "-1", "1h", "1.", "10.x"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter, match=f'invalid value for "since": {text}'):
        moment(text, "since")
