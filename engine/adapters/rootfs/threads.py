"""Blocking work that makes or takes a stream: a thread at one end of a pipe, trio at the other.

A client may take its time, so each has a thread of its own instead of one of trio's few workers.
"""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from fcntl import F_SETPIPE_SZ, fcntl
from typing import IO, TypeVar

import outcome
import trio

T = TypeVar("T")
PIECE = 1 << 18
PIPE = 1 << 20
LAST_WORK = 30.0
"""Seconds that a cancelled stream waits for its thread to let go of the container."""


async def produced(work: Callable[[int], None]) -> AsyncGenerator[bytes, None]:
    """What `work` writes to the descriptor that it is given; its error comes where the stream ends."""
    reader, writer = _pipe()
    result: list[outcome.Value[None] | outcome.Error] = []

    def body() -> None:
        try:
            result.append(outcome.capture(work, writer))
        finally:
            os.close(writer)

    async with trio.lowlevel.FdStream(reader) as stream:
        threading.Thread(target=body, name="archive", daemon=True).start()
        while data := await stream.receive_some(PIECE):
            yield bytes(data)
    result[0].unwrap()


async def consumed(chunks: AsyncIterator[bytes], work: Callable[[IO[bytes]], T]) -> T:
    """Let `work` read the chunks as a file. Cancelled, it ends at the end that it then sees."""
    reader, writer = _pipe()
    result: list[outcome.Value[T] | outcome.Error] = []
    done = trio.Event()
    token = trio.lowlevel.current_trio_token()

    def body() -> None:
        with open(reader, "rb", buffering=0) as source:
            result.append(outcome.capture(work, source))
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(done.set)

    threading.Thread(target=body, name="archive", daemon=True).start()
    try:
        async with trio.lowlevel.FdStream(writer) as stream:
            await _feed(chunks, stream)
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + LAST_WORK):
            await done.wait()
    if not result:
        raise trio.TooSlowError("the archive's thread does not end")
    value: T = result[0].unwrap()
    return value


async def _feed(chunks: AsyncIterator[bytes], stream: trio.lowlevel.FdStream) -> None:
    """The thread may end early, by an error that it then tells."""
    with suppress(trio.BrokenResourceError):
        async for chunk in chunks:
            await stream.send_all(chunk)


def _pipe() -> tuple[int, int]:
    reader, writer = os.pipe2(os.O_CLOEXEC)
    with suppress(OSError):
        fcntl(writer, F_SETPIPE_SZ, PIPE)
    return reader, writer
