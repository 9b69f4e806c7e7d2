from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
import trio.testing
from google.protobuf.empty_pb2 import Empty
from h2.errors import ErrorCodes

from engine.adapters.containerd.calls import Calls
from engine.adapters.containerd.channel import Channel
from engine.adapters.containerd.gen import content_grpc, content_pb2, version_grpc, version_pb2
from engine.errors import DeadlineExceeded, NotFound, SystemFailure, Unavailable
from tests.engine.adapters.containerd.fake_server import Connection, FakeServer

VERSION = version_pb2.VersionResponse(version="9").SerializeToString()


@pytest.fixture
async def calls(server: FakeServer, nursery: trio.Nursery) -> AsyncIterator[Calls]:
    channel = Channel(server.path)
    await nursery.start(channel.run)
    yield Calls(channel, "some-namespace")
    assert channel.open_streams == 0


async def version(calls: Calls, *, timeout: float | None = 10.0) -> version_pb2.VersionResponse:
    stub = version_grpc.VersionStub(calls.channel)
    return await calls.unary(stub.Version, Empty(), timeout=timeout)


async def test_call_carries_namespace_lease_and_timeout(server: FakeServer, calls: Calls) -> None:
    server.answer = lambda connection, stream_id: connection.answer(stream_id, VERSION)
    stub = version_grpc.VersionStub(calls.channel)
    assert (await calls.unary(stub.Version, Empty(), timeout=7.5, lease="l")).version == "9"
    headers = server.headers[0]
    assert headers["containerd-namespace"] == "some-namespace"
    assert headers["containerd-lease"] == "l"
    assert 7000 < int(headers["grpc-timeout"].removesuffix("m")) <= 7500


async def test_failure_keeps_its_kind_and_text(server: FakeServer, calls: Calls) -> None:
    def answer(connection: Connection, stream_id: int) -> None:
        connection.begin(stream_id)
        connection.trailers(stream_id, 5, "container x: not found")

    server.answer = answer
    with pytest.raises(NotFound, match="container x: not found"):
        await version(calls)


async def test_silent_call_ends_at_its_deadline_and_is_reset(
    server: FakeServer, calls: Calls
) -> None:
    server.answer = lambda connection, stream_id: None
    with pytest.raises(DeadlineExceeded):
        await version(calls, timeout=0.05)
    with trio.fail_after(5):
        await server.reset_seen.wait()
    assert server.resets == [ErrorCodes.CANCEL]


async def test_cancelled_call_is_reset(server: FakeServer, calls: Calls) -> None:
    server.answer = lambda connection, stream_id: None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(version, calls)
        await server.request_seen.wait()
        nursery.cancel_scope.cancel()
    with trio.fail_after(5):
        await server.reset_seen.wait()
    assert server.resets == [ErrorCodes.CANCEL]


async def test_calls_in_flight_fail_when_the_server_hangs_up(
    server: FakeServer, calls: Calls
) -> None:
    server.answer = lambda connection, stream_id: None
    problems: list[Unavailable] = []

    async def call() -> None:
        with pytest.raises(Unavailable, match="containerd") as caught:
            await version(calls, timeout=None)
        problems.append(caught.value)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        nursery.start_soon(call)
        await server.request_seen.wait()
        await server.hang_up()
    assert len(problems) == 2


async def test_channel_reconnects_and_counts_its_connections(
    server: FakeServer, calls: Calls
) -> None:
    server.answer = lambda connection, stream_id: connection.answer(stream_id, VERSION)
    channel = calls.channel
    assert await channel.next_connection() == 1
    await server.hang_up()
    with trio.fail_after(5):
        assert await channel.next_connection(after=1) == 2
    assert (await version(calls)).version == "9"


async def test_call_waits_for_a_server_that_is_late(tmp_path: Path, nursery: trio.Nursery) -> None:
    late = FakeServer(str(tmp_path / "late"))
    channel = Channel(late.path)
    await nursery.start(channel.run)
    answers = []

    async def call() -> None:
        answers.append(await version(Calls(channel, "n")))

    async with trio.open_nursery() as inner:
        inner.start_soon(call)
        await trio.testing.wait_all_tasks_blocked()
        await nursery.start(late.run)
        channel.nudge()
    assert len(answers) == 1


async def test_call_without_a_server_is_unavailable_with_the_reason(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    channel = Channel(str(tmp_path / "nobody"), ready_limit=0.05)
    await nursery.start(channel.run)
    with pytest.raises(Unavailable, match=r"^containerd is not available .*No such file"):
        await version(Calls(channel, "n"))
    assert channel.state == "disconnected"


async def test_server_that_accepts_and_says_nothing_is_not_ready(
    server: FakeServer, nursery: trio.Nursery
) -> None:
    server.silent = True
    channel = Channel(server.path, ready_limit=0.05)
    await nursery.start(channel.run)
    with pytest.raises(Unavailable):
        await version(Calls(channel, "n"))
    assert channel.state == "connecting"


async def test_reset_after_a_good_answer_leaves_the_answer_readable(
    server: FakeServer, calls: Calls
) -> None:
    def answer(connection: Connection, stream_id: int) -> None:
        reply = content_pb2.WriteContentResponse(offset=5).SerializeToString()
        connection.answer(stream_id, reply)
        connection.reset(stream_id, ErrorCodes.NO_ERROR)

    server.answer, server.answer_early = answer, True
    stream = await calls.open(content_grpc.ContentStub(calls.channel).Write)
    await stream.send_message(content_pb2.WriteContentRequest(ref="r"))
    await trio.testing.wait_all_tasks_blocked()
    reply = await stream.recv_message()
    assert reply is not None
    assert reply.offset == 5
    stream.abandon()


async def test_reset_stream_without_a_status_is_unavailable(
    server: FakeServer, calls: Calls
) -> None:
    server.answer = lambda connection, stream_id: connection.reset(
        stream_id, ErrorCodes.REFUSED_STREAM
    )
    with pytest.raises(Unavailable, match="reset"):
        await version(calls)


async def test_message_beyond_the_limit_is_refused_before_it_is_sent(
    server: FakeServer, calls: Calls
) -> None:
    stub = content_grpc.ContentStub(calls.channel)
    request = content_pb2.InfoRequest(digest="x" * (16 * 1024 * 1024))
    with pytest.raises(SystemFailure, match="bytes"):
        await calls.unary(stub.Info, request)


async def test_dropped_message_stream_ends_its_call(server: FakeServer, calls: Calls) -> None:
    def answer(connection: Connection, stream_id: int) -> None:
        connection.begin(stream_id)

    server.answer = answer
    stub = content_grpc.ContentStub(calls.channel)
    messages = await calls.stream(stub.List, content_pb2.ListContentRequest())
    assert calls.channel.open_streams == 1
    await server.request_seen.wait()
    del messages
    with trio.fail_after(5):
        await server.reset_seen.wait()


async def test_idle_message_stream_ends_with_deadline_exceeded(
    server: FakeServer, calls: Calls
) -> None:
    server.answer = lambda connection, stream_id: connection.begin(stream_id)
    stub = content_grpc.ContentStub(calls.channel)
    messages = await calls.stream(stub.List, content_pb2.ListContentRequest(), idle_limit=0.05)
    with pytest.raises(DeadlineExceeded, match="Content/List"):
        await messages.receive()
    assert await messages.receive() is None


async def test_stopped_channel_fails_its_calls_and_may_run_again(
    server: FakeServer, nursery: trio.Nursery
) -> None:
    server.answer = lambda connection, stream_id: None
    channel = Channel(server.path)

    async def call() -> None:
        with pytest.raises(Unavailable):
            await version(Calls(channel, "n"), timeout=None)

    await nursery.start(channel.run)
    async with trio.open_nursery() as callers:
        callers.start_soon(call)
        await server.request_seen.wait()
        await channel.stop()
    assert channel.state == "disconnected"
    server.answer = lambda connection, stream_id: connection.answer(stream_id, VERSION)
    await nursery.start(channel.run)
    assert (await version(Calls(channel, "n"))).version == "9"


async def test_used_up_connection_is_replaced(server: FakeServer, calls: Calls) -> None:
    server.answer = lambda connection, stream_id: connection.answer(stream_id, VERSION)
    channel = calls.channel
    protocol = await channel.__connect__()
    protocol.h2.highest_outbound_stream_id = 2**31 - 1
    with pytest.raises(Unavailable, match="used up"):
        await version(calls)
    with trio.fail_after(5):
        await channel.next_connection(after=1)
    assert (await version(calls)).version == "9"


async def test_headers_and_message_leave_in_one_write(
    server: FakeServer, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer = lambda connection, stream_id: connection.answer(stream_id, VERSION)
    await version(calls)
    protocol = calls.channel._protocol
    assert protocol is not None
    written: list[bytes] = []
    write = protocol.transport.write

    def record(data: bytes) -> None:
        if data:
            written.append(data)
        write(data)

    monkeypatch.setattr(protocol.transport, "write", record)
    await version(calls)
    kinds = [data[3] for data in written]  # of the first frame: 0 is DATA, 1 is HEADERS
    assert kinds.count(1) == 1
    assert kinds.count(0) == 0
