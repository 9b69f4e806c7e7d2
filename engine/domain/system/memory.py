"""Memory that the engine no longer needs goes back to the machine, soon after the work that needed it."""

from __future__ import annotations

from collections.abc import Callable

import trio

from supervisors import Worker

INTERVAL = 20.0
"""Seconds between two looks."""
GROWTH = 1 << 20
"""Bytes that are worth the work; a daemon at rest gives nothing back."""


class MemoryService(Worker):
    """Releases when the process has grown since it last did."""

    def __init__(self, resident: Callable[[], int], release: Callable[[], None]) -> None:
        """`resident` tells the bytes in memory; `release` gives back what it can, in a worker thread."""
        self._resident = resident
        self._release = release

    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        floor = 0  # the first look comes after the start, which has much to give back
        while True:
            await trio.sleep(INTERVAL)
            if self._resident() < floor + GROWTH:
                continue
            await trio.to_thread.run_sync(self._release)
            floor = self._resident()
