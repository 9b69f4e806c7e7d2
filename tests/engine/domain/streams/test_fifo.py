"""FIFO ends: no end before the first writer, partial writes, ends that go away."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from engine.domain.streams.fifo import CHUNK, FifoReader, FifoWriter, held_open, make_fifos


@pytest.fixture
def path(tmp_path: Path) -> str:
    return make_fifos(str(tmp_path / "id"), ["stdout"])["stdout"]


def test_fifos_are_private_and_kept(tmp_path: Path) -> None:
    paths = make_fifos(str(tmp_path / "id"), ["stdin", "stdout"])
    assert make_fifos(str(tmp_path / "id"), ["stdin", "stdout"]) == paths
    assert (tmp_path / "id").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "id" / "stdin").is_fifo()


async def test_reader_waits_for_the_first_writer_and_sees_the_last_one_go(path: str) -> None:
    reader = FifoReader(path)
    buffer = memoryview(bytearray(CHUNK))
    with trio.move_on_after(0.02) as scope:
        await reader.wait()
    assert scope.cancelled_caught
    writer = await FifoWriter.open(path)
    assert reader.read_into(buffer) is None
    await writer.send_all(b"hello")
    await reader.wait()
    assert reader.read_into(buffer) == 5
    assert bytes(buffer[:5]) == b"hello"
    writer.close()
    await reader.wait()
    assert reader.read_into(buffer) == 0
    reader.close()


async def test_finished_reader_ends_although_a_writer_stays(path: str) -> None:
    reader = FifoReader(path)
    buffer = memoryview(bytearray(CHUNK))
    writer = await FifoWriter.open(path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader.wait)
        await wait_all_tasks_blocked()
        reader.finish()
    await writer.send_all(b"rest")
    await reader.wait()
    assert reader.read_into(buffer) == 4
    assert reader.read_into(buffer) == 0
    writer.close()
    reader.close()


async def test_large_writes_arrive_whole(path: str) -> None:
    reader = FifoReader(path)
    writer = await FifoWriter.open(path)
    data = os.urandom(3_000_000)
    got = bytearray()

    async def send() -> None:
        await writer.send_all(data)
        writer.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        buffer = memoryview(bytearray(CHUNK))
        while True:
            await reader.wait()
            length = reader.read_into(buffer)
            if length == 0:
                break
            got += buffer[: length or 0]
    assert got == data
    reader.close()


async def test_writer_waits_for_a_reader(path: str, autojump_clock: trio.abc.Clock) -> None:
    with trio.move_on_after(10) as scope:
        await FifoWriter.open(path)
    assert scope.cancelled_caught


async def test_writer_learns_that_its_reader_has_gone(path: str) -> None:
    reader = FifoReader(path)
    writer = await FifoWriter.open(path)
    reader.close()
    with pytest.raises(trio.BrokenResourceError):
        await writer.send_all(b"x")
    writer.close()
    with pytest.raises(trio.ClosedResourceError):
        await writer.send_all(b"x")


async def test_close_wakes_a_blocked_writer(path: str) -> None:
    reader = FifoReader(path)
    writer = await FifoWriter.open(path)
    async with trio.open_nursery() as nursery:

        async def blocked() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await writer.send_all(bytes(4_000_000))

        nursery.start_soon(blocked)
        await wait_all_tasks_blocked()
        writer.close()
    reader.close()


def test_who_waits_for_a_reader_gets_on_while_the_outputs_are_held(tmp_path: Path) -> None:
    paths = make_fifos(str(tmp_path / "id" / "exec-1"), ["stdin", "stdout"])
    with held_open(str(tmp_path / "id")):
        os.close(os.open(paths["stdout"], os.O_WRONLY | os.O_NONBLOCK))
        with pytest.raises(OSError, match="No such device"):
            os.open(paths["stdin"], os.O_WRONLY | os.O_NONBLOCK)
    with pytest.raises(OSError, match="No such device"):
        os.open(paths["stdout"], os.O_WRONLY | os.O_NONBLOCK)
