from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import IO

import pytest
import trio

from engine.adapters.rootfs.threads import consumed, produced


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    for each in data:
        yield each


async def test_what_the_thread_writes_comes_out() -> None:
    seen = b"".join([piece async for piece in produced(lambda fd: write_all(fd, 3 << 20))])
    assert seen == b"x" * (3 << 20)


def write_all(fd: int, size: int) -> None:
    while size:
        size -= os.write(fd, b"x" * min(size, 1 << 16))


async def test_the_threads_error_comes_at_the_end() -> None:
    def fail(fd: int) -> None:
        os.write(fd, b"some")
        raise ValueError("broken")

    stream = produced(fail)
    assert await anext(stream) == b"some"
    with pytest.raises(ValueError, match="broken"):
        await anext(stream)


async def test_a_reader_that_leaves_ends_the_thread() -> None:
    ended = trio.Event()
    token = trio.lowlevel.current_trio_token()

    def work(fd: int) -> None:
        try:
            write_all(fd, 1 << 40)
        finally:
            token.run_sync_soon(ended.set)

    async with aclosing(produced(work)) as stream:
        await anext(stream)
    with trio.fail_after(5):
        await ended.wait()


async def test_the_thread_reads_all_that_comes() -> None:
    def work(source: IO[bytes]) -> int:
        size = 0
        while data := source.read(1 << 16):
            size += len(data)
        return size

    assert await consumed(pieces(*[b"x" * 100_000] * 50), work) == 5_000_000


async def test_a_thread_that_stops_early_tells_why() -> None:
    def work(source: IO[bytes]) -> None:
        source.read(1)
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        await consumed(pieces(*[b"x" * 100_000] * 50), work)


async def test_a_cancelled_upload_is_over_for_the_thread_too() -> None:
    rest: list[bytes] = []

    async def endless() -> AsyncIterator[bytes]:
        yield b"begun"
        await trio.sleep_forever()

    def work(source: IO[bytes]) -> None:
        while data := source.read(100):
            rest.append(data)
        rest.append(b"end")

    with trio.move_on_after(0.1):
        await consumed(endless(), work)
    assert rest == [b"begun", b"end"]
