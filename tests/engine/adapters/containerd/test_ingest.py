"""An upload's turns, against a server that answers as it is told; test_content has the real one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
from h2.events import DataReceived
from trio.testing import MockClock

from engine.adapters.containerd.calls import Calls
from engine.adapters.containerd.channel import Channel
from engine.adapters.containerd.gen import content_grpc, content_pb2
from engine.adapters.containerd.ingest import AHEAD, Writer, open_writer
from engine.errors import Conflict, DeadlineExceeded, SystemFailure, Unavailable
from tests.engine.adapters.containerd.fake_server import Connection, FakeServer

Request = content_pb2.WriteContentRequest
Response = content_pb2.WriteContentResponse
DIGEST = "sha256:" + "0" * 64


class Store(FakeServer):
    """Answers each message of an upload with what `reply` makes of it; a number is a status."""

    def __init__(self, path: str, reply: Callable[[Request], Response | tuple[int, str]]) -> None:
        super().__init__(path)
        self.reply = reply
        self.asked: list[Request] = []
        self.silenced = False
        self._begun: set[int] = set()
        self._over: set[int] = set()

    def _handle(self, connection: Connection, event: object) -> None:
        super()._handle(connection, event)
        if not isinstance(event, DataReceived) or not event.data:
            return
        request = Request.FromString(event.data[5:])
        self.asked.append(request)
        if self.silenced or event.stream_id in self._over:
            return
        if event.stream_id not in self._begun:
            self._begun.add(event.stream_id)
            connection.begin(event.stream_id)
        answer = self.reply(request)
        if isinstance(answer, tuple):
            self._over.add(event.stream_id)
            connection.trailers(event.stream_id, *answer)
        else:
            data = answer.SerializeToString()
            head = b"\0" + len(data).to_bytes(4, "big")
            connection.h2.send_data(event.stream_id, head + data)


@pytest.fixture
async def store(tmp_path: object, nursery: trio.Nursery) -> Store:
    def take(request: Request) -> Response:
        return Response(offset=request.offset + len(request.data), digest=request.expected)

    store = Store(f"{tmp_path}/s", take)
    store.answer = lambda connection, stream_id: None
    await nursery.start(store.run)
    return store


async def writer_on(store: Store, nursery: trio.Nursery) -> Writer:
    channel = Channel(store.path)
    await nursery.start(channel.run)
    calls = Calls(channel, "ns")
    stub = content_grpc.ContentStub(channel)
    return await open_writer(calls, stub, "ref", size=5, expected=DIGEST, lease="l")


async def write_often(writer: Writer, times: int) -> None:
    for _ in range(times):
        await writer.write(b"x")


async def test_upload_asks_where_it_stands_writes_and_commits(
    store: Store, nursery: trio.Nursery
) -> None:
    writer = await writer_on(store, nursery)
    writer.labels = {"a": "1"}
    for piece in (b"he", b"llo"):
        await writer.write(piece)
    assert writer.offset == 5
    assert await writer.commit(labels={"b": "2"}) == DIGEST
    stat, write, next_write, commit = store.asked
    assert (stat.action, stat.ref, stat.total) == (content_pb2.STAT, "ref", 5)
    assert (write.offset, write.data) == (0, b"he")
    assert (next_write.offset, next_write.data) == (2, b"llo")
    assert commit.offset == 5
    assert (commit.total, dict(commit.labels)) == (5, {"a": "1", "b": "2"})
    assert store.headers[0]["containerd-lease"] == "l"
    with pytest.raises(Conflict, match="the upload is closed"):
        await writer._turn(Request(), 1)


async def test_content_that_is_there_needs_no_bytes(store: Store, nursery: trio.Nursery) -> None:
    store.reply = lambda request: (6, "already exists")
    writer = await writer_on(store, nursery)
    assert (writer.exists, writer.offset) == (True, 5)
    await writer.write(b"hello")
    assert await writer.commit() == DIGEST
    assert len(store.asked) == 1


async def test_content_that_somebody_else_has_made_meanwhile_is_as_good(
    store: Store, nursery: trio.Nursery
) -> None:
    writer = await writer_on(store, nursery)
    await writer.write(b"hello")
    store.reply = lambda request: (6, "already exists")
    assert await writer.commit() == DIGEST
    assert writer.exists


async def test_failure_ends_the_upload_at_the_latest_when_it_is_committed(
    store: Store, nursery: trio.Nursery
) -> None:
    writer = await writer_on(store, nursery)
    store.reply = lambda request: (2, "no space left on device")
    await writer.write(b"hello")
    with pytest.raises(SystemFailure, match="no space left on device"):
        await writer.commit()
    with pytest.raises(Conflict, match="the upload is closed"):
        await writer.write(b"hello")


async def test_failure_is_told_by_one_of_the_next_writes(
    store: Store, nursery: trio.Nursery
) -> None:
    writer = await writer_on(store, nursery)
    store.reply = lambda request: (2, "no space left on device")
    with pytest.raises(SystemFailure, match="no space left on device"):
        await write_often(writer, AHEAD + 1)
    assert writer._stream.over


async def test_only_so_many_writes_wait_for_their_answers(
    store: Store, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    writer = await writer_on(store, nursery)
    store.silenced = True
    await write_often(writer, AHEAD)
    with pytest.raises(DeadlineExceeded, match="an upload got no answer"):
        await writer.write(b"x")


async def test_lock_of_an_upload_that_has_just_ended_is_waited_for(
    store: Store, nursery: trio.Nursery
) -> None:
    refusals = 2

    def locked(request: Request) -> Response | tuple[int, str]:
        nonlocal refusals
        refusals -= 1
        return (14, "ref locked") if refusals >= 0 else Response(offset=3)

    store.reply = locked
    assert (await writer_on(store, nursery)).offset == 3
    assert len(store.asked) == 3


async def test_other_outages_are_not_waited_for(store: Store, nursery: trio.Nursery) -> None:
    store.reply = lambda request: (14, "shutting down")
    with pytest.raises(Unavailable, match="shutting down"):
        await writer_on(store, nursery)
    assert len(store.asked) == 1


async def test_lock_that_stays_is_told(
    store: Store, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    store.reply = lambda request: (14, "ref locked")
    with pytest.raises(Unavailable, match="locked"):
        await writer_on(store, nursery)
    assert len(store.asked) > 10
