"""Whose turn it is to copy: containers that print flat out share the loop with everybody else.

A chunk costs the loop a third of a millisecond. Without turns, twenty such containers all come in
each round of the loop, and a request that needs five rounds waits for a hundred chunks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

AT_ONCE = 2
"""Chunks in one round of the loop."""

_turns: trio.lowlevel.RunVar[trio.Semaphore] = trio.lowlevel.RunVar("turns")


@asynccontextmanager
async def turn() -> AsyncIterator[None]:
    """Hold it beyond a checkpoint: what ends in the same round limits nothing."""
    turns = _of_this_loop()
    try:
        turns.acquire_nowait()  # not a checkpoint, in the usual case
    except trio.WouldBlock:
        await turns.acquire()
    try:
        yield
    finally:
        turns.release()


def _of_this_loop() -> trio.Semaphore:
    try:
        return _turns.get()
    except LookupError:
        turns = trio.Semaphore(AT_ONCE)
        _turns.set(turns)
        return turns
