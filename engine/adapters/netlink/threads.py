"""Where blocking netlink work runs: workers for the plain, a thread of its own for the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import outcome
import trio

from engine.errors import DeadlineExceeded

T = TypeVar("T")
# Sockets give up after ten seconds; beyond that the thread hangs in the kernel.
DEADLINE = 15.0


async def in_worker(action: str, work: Callable[[], T], *, deadline: float = DEADLINE) -> T:
    """Run `work` in one of trio's workers, which share the process's network namespace."""
    with trio.move_on_after(deadline):
        return await trio.to_thread.run_sync(work, abandon_on_cancel=True)
    raise DeadlineExceeded(f"{action}: no answer within {deadline:g} s")


async def in_own_thread(action: str, work: Callable[[], T], *, deadline: float = DEADLINE) -> T:
    """Run `work` in a thread that ends with it, so it may move to another namespace."""
    done = trio.Event()
    result: list[outcome.Value[T] | outcome.Error] = []
    token = trio.lowlevel.current_trio_token()

    def body() -> None:
        result.append(outcome.capture(work))
        try:
            token.run_sync_soon(done.set)
        except trio.RunFinishedError:
            return  # nobody is left to be told

    threading.Thread(target=body, name=f"netns: {action}", daemon=True).start()
    with trio.move_on_after(deadline):
        await done.wait()
    if not result:
        raise DeadlineExceeded(f"{action}: no answer within {deadline:g} s")
    value: T = result[0].unwrap()
    return value
