"""The restart manager: starts containers again when their time has come.

The schedule is passive and outlives the service. What is due is told to the container's own
operator, which alone decides whether it still holds.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

import trio

from supervisors import Worker


class Schedule:
    """When which container is to be started again, in trio's time."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._changed = trio.Event()

    def put(self, container_id: str, delay: float) -> None:
        """`delay` in seconds from now; replaces an earlier entry."""
        self._due[container_id] = trio.current_time() + delay
        self._nudge()

    def cancel(self, container_id: str) -> None:
        self._due.pop(container_id, None)

    def take_due(self) -> list[str]:
        now = trio.current_time()
        due = [each for each, at in self._due.items() if at <= now]
        for each in due:
            del self._due[each]
        return due

    async def wait(self) -> None:
        """Until something is due, or the schedule has changed."""
        with trio.move_on_at(min(self._due.values(), default=math.inf)):
            await self._changed.wait()

    def _nudge(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


class RestartManager(Worker):
    """`again` tells a container's operator that its restart is due."""

    def __init__(self, schedule: Schedule, again: Callable[[str], Awaitable[None]]) -> None:
        self._schedule = schedule
        self._again = again

    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        while True:
            for container_id in self._schedule.take_due():
                await self._again(container_id)
            await self._schedule.wait()
