"""A container's stdin before, while and after the container runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from engine.domain.streams.fifo import FifoReader, FifoWriter, make_fifos
from engine.domain.streams.stdin import ContainerStdin


async def connected(tmp_path: Path, stdin: ContainerStdin) -> FifoReader:
    path = make_fifos(str(tmp_path), ["stdin"])["stdin"]
    reader = FifoReader(path)
    await stdin.connect(await FifoWriter.open(path))
    return reader


async def test_input_waits_for_the_container_to_start(tmp_path: Path) -> None:
    stdin = ContainerStdin()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stdin.send_all, b"early")
        await wait_all_tasks_blocked()
        reader = await connected(tmp_path, stdin)
    assert os.read(reader._fd, 100) == b"early"
    stdin.discard()
    reader.close()


async def test_input_that_ended_before_the_start_ends_after_it(tmp_path: Path) -> None:
    closed = []

    async def close_io() -> None:
        closed.append("CloseIO")

    stdin = ContainerStdin(close_io)
    await stdin.close()
    assert not closed
    reader = await connected(tmp_path, stdin)
    assert os.read(reader._fd, 100) == b""
    await stdin.close()
    assert closed == ["CloseIO"]
    reader.close()


async def test_nothing_can_be_sent_to_a_container_that_is_gone() -> None:
    stdin = ContainerStdin()
    stdin.discard()
    with pytest.raises(trio.ClosedResourceError):
        await stdin.send_all(b"x")
