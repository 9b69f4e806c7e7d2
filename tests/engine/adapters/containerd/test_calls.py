from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio
from google.protobuf.empty_pb2 import Empty
from trio.testing import MockClock

from engine.adapters.containerd.calls import Calls
from engine.adapters.containerd.channel import Channel
from engine.adapters.containerd.gen import (
    snapshots_grpc,
    snapshots_pb2,
    version_grpc,
    version_pb2,
)
from engine.errors import DeadlineExceeded, NotFound, Unavailable
from tests.engine.adapters.containerd.fake_server import Connection, FakeServer

VERSION = version_pb2.VersionResponse(version="9").SerializeToString()
PIECE = snapshots_pb2.ListSnapshotsResponse(
    info=[snapshots_pb2.Info(name="one")]
).SerializeToString()


@pytest.fixture
async def calls(server: FakeServer, nursery: trio.Nursery) -> AsyncIterator[Calls]:
    channel = Channel(server.path)
    await nursery.start(channel.run)
    yield Calls(channel, "ns")
    assert channel.open_streams == 0


def pieces(count: int, status: int = 0) -> object:
    """An answer of so many messages."""

    def answer(connection: Connection, stream_id: int) -> None:
        connection.begin(stream_id)
        for _ in range(count):
            head = b"\0" + len(PIECE).to_bytes(4, "big")
            connection.h2.send_data(stream_id, head + PIECE)
        if status >= 0:
            connection.trailers(stream_id, status, "why")

    return answer


async def listed(calls: Calls, **options: float) -> list[str]:
    stub = snapshots_grpc.SnapshotsStub(calls.channel)
    request = snapshots_pb2.ListSnapshotsRequest()
    async with await calls.stream(stub.List, request, **options) as messages:
        return [each.name async for message in messages for each in message.info]


def test_metadata_names_the_namespace_and_the_lease() -> None:
    calls = Calls(Channel("/nowhere"), "ns")
    assert calls.metadata() == {"containerd-namespace": "ns"}
    assert calls.metadata("l1") == {"containerd-namespace": "ns", "containerd-lease": "l1"}


async def test_wait_for_a_connection_counts_and_ends_in_unavailable(
    autojump_clock: MockClock,
) -> None:
    calls = Calls(Channel("/nowhere"), "ns")
    stub = version_grpc.VersionStub(calls.channel)
    begun = trio.current_time()
    with pytest.raises(Unavailable):
        await calls.unary(stub.Version, Empty(), timeout=3)
    assert trio.current_time() - begun == pytest.approx(3, abs=0.1)
    begun = trio.current_time()
    with pytest.raises(Unavailable):
        await calls.unary(stub.Version, Empty(), timeout=None)
    assert trio.current_time() - begun == pytest.approx(calls.channel.ready_limit, abs=0.1)


async def test_stream_gives_its_messages_and_its_end(server: FakeServer, calls: Calls) -> None:
    server.answer = pieces(3)  # type: ignore[assignment]
    assert await listed(calls) == ["one"] * 3


async def test_stream_ends_with_the_failure_that_the_server_tells(
    server: FakeServer, calls: Calls
) -> None:
    server.answer = pieces(1, status=5)  # type: ignore[assignment]
    with pytest.raises(NotFound, match="why"):
        await listed(calls)


async def test_stream_that_stalls_is_given_up(server: FakeServer, calls: Calls) -> None:
    server.answer = pieces(1, status=-1)  # type: ignore[assignment]
    with pytest.raises(DeadlineExceeded, match="no message from"):
        await listed(calls, idle_limit=0.05)
    with trio.fail_after(5):
        await server.reset_seen.wait()


async def test_stream_that_is_left_is_reset(server: FakeServer, calls: Calls) -> None:
    server.answer = pieces(2, status=-1)  # type: ignore[assignment]
    stub = snapshots_grpc.SnapshotsStub(calls.channel)
    messages = await calls.stream(stub.List, snapshots_pb2.ListSnapshotsRequest())
    assert (await anext(messages)).info[0].name == "one"
    messages.close()
    assert await messages.receive() is None
    with trio.fail_after(5):
        await server.reset_seen.wait()
