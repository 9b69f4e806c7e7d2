from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream

from engine.api.routes.page import register
from engine.api.routes.page_feed import BACKLOG, flat, lines_of
from engine.domain.events.facade import Events
from engine.models.meters import Reading
from supervisors import MailboxStats, Node
from tests.engine.api.routes.house import House, house
from tests.engine.api.routes.test_event_streams import happen
from tests.engine.api.serving import serving


class Rooms:
    """The page's source, on the rooms of a house."""

    engine_id = "E"

    def __init__(self, at: House) -> None:
        self._at = at
        self.events = Events(at.bus)
        self.tree_changes = 0
        self.restarts = 0

    def tree(self) -> Node:
        child = Node(name="store", state="running", since=1.0, restarts=self.restarts)
        return Node(name="root", state="running", since=1.0, children=(child,))

    def pulse(self) -> object:
        return {"worst_ms": 1}

    def health(self) -> object:
        return self._at.operators.health()

    def cells(self) -> Any:
        return self._at.daemon.containers.cells()

    def networks(self) -> object:
        return [{"name": "bridge"}]

    async def usage(self) -> Mapping[str, Reading]:
        return {cell.id: Reading(cpu=1.5, memory=7) for cell in self.cells()}

    def logs(self, reference: str, selection: Any) -> Any:
        return self._at.daemon.containers.logs(reference, selection)


class Told:
    """What the page hears, by topic."""

    def __init__(self, connection: WebSocketConnection) -> None:
        self.connection = connection

    async def next(self, topic: str) -> Any:
        while True:
            message = json.loads(await self.connection.get_message())
            if message["topic"] == topic:
                return message["data"]


@asynccontextmanager
async def opened(path: Path, query: str = "") -> AsyncIterator[Told]:
    stream = await trio.open_unix_socket(str(path))
    async with stream, trio.open_nursery() as nursery:
        target = f"/_trimaran/page/ws{query}"
        yield Told(await wrap_client_stream(nursery, stream, "docker", target))
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def page_of(at: House, tmp_path: Path) -> AsyncIterator[tuple[Rooms, Path]]:
    rooms, path = Rooms(at), tmp_path / "page"
    async with serving(lambda app: register(app, rooms), path):
        yield rooms, path


async def test_page_is_told_all_there_is_then_what_changes(tmp_path: Path) -> None:
    async with house(tmp_path) as at, page_of(at, tmp_path) as (rooms, path):
        made = await at.create("first")
        async with opened(path) as told:
            assert await told.next("hello") == {"engine": "E", "seq": 0, "fresh": True}
            tree = await told.next("tree")
            assert [row[0] for row in tree["set"]] == ["root", "root/store"]
            (first,) = (await told.next("containers"))["set"]
            assert (first["id"], first["name"], first["state"]) == (made, "first", "created")
            assert (await told.next("usage"))["of"] == {made: [1.5, 7]}
            await at.ask("POST", "/containers/first/start")
            states = []
            while "running" not in states:
                states += [each["state"] for each in (await told.next("containers"))["set"]]
            rooms.restarts, rooms.tree_changes = 1, 1
            (row,) = (await told.next("tree"))["set"]
            assert row[:3] == ["root/store", "running", 1]
            await at.ask("DELETE", "/containers/first?force=1")
            gone: list[str] = []
            while not gone:
                gone = (await told.next("containers"))["gone"]
            assert gone == [made]


async def test_events_go_on_after_the_last_one_that_the_page_has(tmp_path: Path) -> None:
    async with house(tmp_path) as at, page_of(at, tmp_path) as (_, path):
        happen(at, *["start"] * (BACKLOG + 5))
        async with opened(path) as told:
            assert (await told.next("events"))[0]["seq"] == 6
        async with opened(path, f"?since={BACKLOG}") as told:
            assert not (await told.next("hello"))["fresh"]
            assert (await told.next("events"))[0]["seq"] == BACKLOG + 1
        async with opened(path, f"?since={BACKLOG + 6}") as told:
            assert (await told.next("hello"))["fresh"], "it has what never happened here"


async def test_log_is_told_to_who_wishes_it(tmp_path: Path) -> None:
    async with house(tmp_path) as at, page_of(at, tmp_path) as (_, path), opened(path) as told:
        await told.connection.send_message('{"log": "nobody"}')
        answer = await told.next("log")
        assert (answer["id"], answer["lines"]) == ("nobody", [])
        assert "No such container" in answer["end"]
        await told.connection.send_message("what?")
        with pytest.raises(ConnectionClosed) as closed:
            await told.next("nothing")
        assert closed.value.reason.code == 1007


def test_tree_is_flat_parents_first() -> None:
    box = MailboxStats(name="mail", depth=1, capacity=4, peak=1, dropped=0)
    child = Node(name="b", state="failed", since=1.0, last_error="odd", mailboxes=(box, box))
    assert list(flat(Node(name="a", state="running", since=1.0, children=(child,)), "")) == [
        ("a", "running", 0, "", 0, 0),
        ("a/b", "failed", 0, "odd", 2, 8),
    ]


def test_frames_become_lines_of_their_streams() -> None:
    data = b"\x01\0\0\0\0\0\0\x02a\n\x02\0\0\0\0\0\0\x03\xc3\xa4\n"
    assert list(lines_of(data, tty=False)) == [(1, "a\n"), (2, "ä\n")]
    assert list(lines_of(b"\x01x", tty=True)) == [(1, "\x01x")]
