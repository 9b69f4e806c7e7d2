"""What containerd still has of containers that removed themselves: taken away behind everybody's back.

`docker run --rm` waits for the removal. What others could notice (names, ports, networks, volumes,
files) is gone by then; the ended task and its root's layer cost containerd another 20 ms, which no
one needs to wait for. A daemon that dies in between leaves orphans, which the sweep knows by their label.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable

import trio

from engine.domain.containers.ports import Leftovers, Runtime
from engine.errors import EngineError, NotFound
from supervisors import Worker

log = logging.getLogger(__name__)

RETRY = 1.0
LONGEST_RETRY = 60.0


class Leavings:
    """The IDs that are waiting or under way. Passive: it outlives the service."""

    def __init__(self) -> None:
        self.pending: set[str] = set()
        self._changed = trio.Event()

    def put(self, container_id: str) -> None:
        self.pending.add(container_id)
        self._nudge()

    def done(self, container_id: str) -> None:
        self.pending.discard(container_id)
        self._nudge()

    async def changed(self) -> None:
        await self._changed.wait()

    async def cleared(self) -> None:
        """Return when nothing is left."""
        while self.pending:
            await self._changed.wait()

    def _nudge(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


class LeavingsService(Worker):
    """Clears what is put there, each until it has gone; a fresh one begins again with all that is pending."""

    def __init__(self, leavings: Leavings, runtime: Runtime, leftovers: Leftovers) -> None:
        self._leavings = leavings
        self._runtime = runtime
        self._leftovers = leftovers

    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        begun: set[str] = set()
        async with trio.open_nursery() as nursery:
            while True:
                begun &= self._leavings.pending
                for container_id in self._leavings.pending - begun:
                    begun.add(container_id)
                    nursery.start_soon(self._clear, container_id)
                await self._leavings.changed()

    async def _clear(self, container_id: str) -> None:
        delay = RETRY
        while True:
            try:
                await clear(container_id, self._runtime)
                await self._leftovers.forget(container_id)
                break
            except EngineError as error:
                log.warning("container %s: what is left of it: %s", container_id[:12], error)
                await trio.sleep(delay)
                delay = min(2 * delay, LONGEST_RETRY)
                with contextlib.suppress(EngineError):  # of a start that could not be undone
                    await self._runtime.tasks.kill(container_id, 9, all=True)
        self._leavings.done(container_id)


async def clear(container_id: str, runtime: Runtime) -> None:
    """In this order: the task holds the root's mount, and is found by the container's record."""
    steps: tuple[Callable[[str], Awaitable[object]], ...] = (
        runtime.tasks.delete,
        runtime.containers.delete,
        runtime.snapshots.remove,
    )
    for step in steps:
        try:
            await step(container_id)
        except NotFound:
            continue
