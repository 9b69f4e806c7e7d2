from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import wait_all_tasks_blocked
from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    WebSocketConnection,
    wrap_client_stream,
)

from engine.api.frames import TEXT
from engine.api.routes.event_streams import KEPT, Frames, as_json
from engine.domain.events.records import Event, gap
from tests.engine.api.routes.house import House, house
from tests.fakes.event_log import numbered


def happen(at: House, *actions: str) -> None:
    first = at.bus.head + 1
    events = [
        numbered(first + n, time_ns=time.time_ns(), action=action)
        for n, action in enumerate(actions)
    ]
    at.log.events += events
    at.bus.committed(events)


@asynccontextmanager
async def subscribed(
    at: House, query: str = "", *protocols: str
) -> AsyncIterator[WebSocketConnection]:
    stream = await trio.open_unix_socket(str(at.path))
    async with stream, trio.open_nursery() as nursery:
        target = "/_trimaran/events/ws?" + query.replace(" ", "").replace('"', "%22")
        yield await wrap_client_stream(
            nursery, stream, "docker", target, subprotocols=protocols or None
        )
        nursery.cancel_scope.cancel()


async def told(connection: WebSocketConnection) -> Any:
    return json.loads(await connection.get_message())


async def test_hello_says_who_and_where_then_events_come_with_their_numbers(
    tmp_path: Any,
) -> None:
    async with house(tmp_path) as at:
        happen(at, "create", "start")
        async with subscribed(at) as connection:
            hello = (await told(connection))["hello"]
            assert hello["seq"] == 2
            assert hello["engine"] == (await at.ask("GET", "/info")).json["ID"]
            happen(at, "die")
            event = await told(connection)
            assert (event["seq"], event["Action"], event["Actor"]["ID"]) == (3, "die", "id3")
            del event["seq"]
            answer = await at.ask("GET", f"/events?since=seq:2&until={time.time():.9f}")
            assert answer.json == event


async def test_stream_is_resumed_by_number_and_filtered(tmp_path: Any) -> None:
    async with house(tmp_path) as at:
        happen(at, "create", "start", "die", "start")
        query = f"since=seq:1&filters={json.dumps({'event': ['start']})}"
        async with subscribed(at, query) as connection:
            await told(connection)
            assert [(await told(connection))["seq"] for _ in range(2)] == [2, 4]
            happen(at, "die", "start")
            assert (await told(connection))["seq"] == 6


@pytest.mark.parametrize("how", ["format", "subprotocol"])
async def test_messagepack_says_the_same(tmp_path: Any, how: str) -> None:
    offered = ("trimaran.events.msgpack",) if how == "subprotocol" else ()
    query = "since=seq:0" + ("&format=msgpack" if how == "format" else "")
    async with house(tmp_path) as at:
        happen(at, "create")
        async with (
            subscribed(at, query, *offered) as packed,
            subscribed(at, "since=seq:0") as plain,
        ):
            assert packed.subprotocol == (offered[0] if offered else None)
            for _ in range(2):
                assert msgspec.msgpack.decode(await packed.get_message()) == await told(plain)


async def test_credit_given_with_the_request_is_the_beginning(tmp_path: Any) -> None:
    async with house(tmp_path) as at:
        happen(at, *["start"] * 5)
        async with subscribed(at, "since=seq:0&credit=2") as connection:
            await told(connection)
            assert [(await told(connection))["seq"] for _ in range(2)] == [1, 2]
            await wait_all_tasks_blocked(0.02)
            with trio.move_on_after(0.05) as waiting:
                await told(connection)
            assert waiting.cancelled_caught
            await connection.send_message('{"credit": 10}')
            assert [(await told(connection))["seq"] for _ in range(3)] == [3, 4, 5]


async def test_end_in_the_past_ends_it(tmp_path: Any) -> None:
    async with house(tmp_path) as at:
        happen(at, "create", "start")
        query = f"since=seq:0&until={time.time() + 0.001:.9f}"
        async with subscribed(at, query) as connection:
            await told(connection)
            assert [(await told(connection))["seq"] for _ in range(2)] == [1, 2]
            with pytest.raises(ConnectionClosed) as closed:
                await told(connection)
            assert closed.value.reason.code == 1000


async def test_number_that_is_not_there_yet_is_an_end_with_a_reason(tmp_path: Any) -> None:
    async with house(tmp_path) as at:
        happen(at, "create")
        async with subscribed(at, "since=seq:7") as connection:
            assert (await told(connection))["hello"]["seq"] == 1
            with pytest.raises(ConnectionClosed) as closed:
                await told(connection)
            assert closed.value.reason.code == 4002
            assert closed.value.reason.reason == "event 7 is not there: the newest is 1"


async def test_forgotten_events_are_one_numbered_gap(tmp_path: Any) -> None:
    async with house(tmp_path) as at:
        happen(at, *["start"] * 5)
        del at.log.events[:3]
        at.log.oldest = 3
        at.bus.resume(6)  # as a fresh daemon: the window is empty
        query = f"since=seq:1&filters={json.dumps({'event': ['start']})}"
        async with subscribed(at, query) as connection:
            await told(connection)
            lost = await told(connection)
            assert (lost["seq"], lost["Type"], lost["Action"]) == (3, "daemon", "events-gap")
            assert lost["Actor"]["Attributes"] == {"from": "2", "to": "3"}
            assert (await told(connection))["seq"] == 4


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("since=seq:x", "since"),
        ("format=xml", "invalid format xml"),
        ("credit=-1", "credit"),
        ('filters={"colour":["red"]}', "colour"),
    ],
)
async def test_what_cannot_be_is_refused_before_the_handshake(
    tmp_path: Any, query: str, text: str
) -> None:
    async with house(tmp_path) as at:
        with pytest.raises(ExceptionGroup) as group:
            async with subscribed(at, query):
                pass
        assert group.group_contains(ConnectionRejected)
        (rejected,) = group.value.exceptions
        assert isinstance(rejected, ConnectionRejected)
        assert rejected.status_code == 400
        assert text in json.loads(rejected.body or b"")["message"]


def test_frame_is_made_once_and_not_kept_for_ever() -> None:
    made: list[int] = []

    def encode(event: Event) -> bytes:
        made.append(event.seq)
        return as_json(event)

    frames = Frames(TEXT, encode)
    batch = [numbered(each) for each in range(1, KEPT + 1)]
    once = frames.of(batch)
    assert frames.of(batch) == once
    assert made == [each.seq for each in batch]
    frames.of([numbered(KEPT + 1)])  # puts the oldest out
    frames.of(batch[:2])
    assert made[KEPT:] == [KEPT + 1, 1, 2]


def test_gap_is_not_taken_for_the_event_whose_number_it_has() -> None:
    frames = Frames(TEXT, as_json)
    (event,) = frames.of([numbered(5)])
    (lost,) = frames.of([gap(1, 5)])
    assert lost != event
    assert frames.of([numbered(5)]) == [event]
