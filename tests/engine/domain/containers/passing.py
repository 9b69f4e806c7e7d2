"""Time for tests of what works in threads: it passes only while nothing is at work.

trio's own autojump takes a task that waits for its thread for an idle one, and time flies meanwhile.
"""

from __future__ import annotations

import math

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

ROUNDS = 3
"""A thread gives its token back shortly before its task hears of its end: look more than once."""


async def settled(cushion: float = 0.002) -> None:
    """Until nothing more happens by itself, in the tasks and in their worker threads."""
    threads = trio.to_thread.current_default_thread_limiter()
    quiet = 0
    while quiet < ROUNDS:
        await wait_all_tasks_blocked(cushion)
        quiet = 0 if threads.borrowed_tokens else quiet + 1


async def time_passing() -> None:
    """Jump from deadline to deadline of a mock clock, for ever; with another clock do nothing."""
    clock = trio.lowlevel.current_clock()
    while isinstance(clock, MockClock):
        await settled(0.003)  # whoever else waits for rest goes first
        delay = trio.lowlevel.current_statistics().seconds_to_next_deadline
        if 0 < delay < math.inf:
            clock.jump(delay)
