from __future__ import annotations

import math

import pytest
import trio
import trio.testing
from grpclib.const import Status
from grpclib.exceptions import GRPCError, StreamTerminatedError
from hypothesis import given
from hypothesis import strategies as st

from engine.adapters.containerd.protocol import Buffer, CallScope


async def test_buffer_joins_and_splits_chunks_and_returns_flow_control_as_it_reads() -> None:
    acked: list[int] = []
    buffer = Buffer(acked.append)
    buffer.add(b"abc", 4)
    buffer.add(b"defgh", 5)
    assert await buffer.read(2) == b"ab"
    assert acked == [4]
    assert await buffer.read(3) == b"cde"
    assert acked == [4, 5]
    buffer.eof()
    assert await buffer.read(3) == b"fgh"
    assert await buffer.read(5) == b""
    assert acked == [4, 5]


async def test_buffer_waits_for_bytes_that_are_to_come() -> None:
    buffer = Buffer(lambda size: None)
    got = []

    async def reader() -> None:
        got.append(await buffer.read(4))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader)
        await trio.testing.wait_all_tasks_blocked()
        buffer.add(b"ab", 2)
        await trio.testing.wait_all_tasks_blocked()
        buffer.add(b"cd", 2)
    assert got == [b"abcd"]


async def test_stream_that_ends_inside_a_message_is_an_error() -> None:
    buffer = Buffer(lambda size: None)
    buffer.add(b"ab", 2)
    buffer.eof()
    with pytest.raises(StreamTerminatedError):
        await buffer.read(3)


def test_what_was_never_read_is_returned_at_the_end() -> None:
    buffer = Buffer(lambda size: None)
    buffer.add(b"ab", 3)
    buffer.add(b"cd", 4)
    assert buffer.unacked_size() == 7
    assert buffer.unacked_size() == 0


@given(chunks=st.lists(st.binary(min_size=1, max_size=9)), size=st.integers(1, 7))
def test_any_chunking_reads_the_same_bytes(chunks: list[bytes], size: int) -> None:
    async def read() -> bytes:
        buffer = Buffer(lambda size: None)
        for chunk in chunks:
            buffer.add(chunk, len(chunk))
        total = len(b"".join(chunks))
        parts = [await buffer.read(size) for _ in range(total // size)]
        parts.append(await buffer.read(total % size))
        return b"".join(parts)

    assert trio.run(read) == b"".join(chunks)


async def test_deadline_ends_a_step_with_the_status_of_grpc(
    autojump_clock: trio.testing.MockClock,
) -> None:
    scope = CallScope(trio.current_time() + 5)
    with pytest.raises(GRPCError) as caught, scope:
        await trio.sleep_forever()
    assert caught.value.status is Status.DEADLINE_EXCEEDED
    assert trio.current_time() == pytest.approx(5)


async def test_terminated_stream_wakes_every_task_inside_and_refuses_the_next() -> None:
    scope = CallScope(math.inf)
    error = StreamTerminatedError("gone")
    caught = []

    async def step() -> None:
        try:
            with scope:
                await trio.sleep_forever()
        except StreamTerminatedError as problem:
            caught.append(problem)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(step)
        nursery.start_soon(step)
        await trio.testing.wait_all_tasks_blocked()
        scope.cancel(error)
    assert caught == [error, error]
    with pytest.raises(StreamTerminatedError), scope:
        pass


async def test_outer_cancellation_passes_through_a_step() -> None:
    scope = CallScope(math.inf)
    with trio.CancelScope() as outer, scope:
        outer.cancel()
        await trio.sleep_forever()
    assert outer.cancelled_caught


async def test_step_that_finished_as_its_stream_was_terminated_keeps_its_result() -> None:
    scope = CallScope(math.inf)
    with scope:
        scope.cancel(StreamTerminatedError("gone"))


async def test_step_inside_a_step_is_woken_once_at_the_outer_one() -> None:
    scope = CallScope(math.inf)
    error = StreamTerminatedError("gone")

    async def outer() -> None:
        with scope:
            with scope:
                await trio.lowlevel.checkpoint()
            with scope:
                await trio.sleep_forever()

    with pytest.RaisesGroup(StreamTerminatedError) as caught:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(outer)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel(error)
    assert caught.value.exceptions == (error,)


async def test_deadline_holds_for_all_steps_inside_one(
    autojump_clock: trio.testing.MockClock,
) -> None:
    scope = CallScope(trio.current_time() + 5)

    async def steps() -> None:
        with scope:
            for _ in range(3):
                with scope:
                    await trio.sleep(2)

    with pytest.raises(GRPCError):
        await steps()
    assert trio.current_time() == pytest.approx(5)
