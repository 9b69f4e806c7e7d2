"""The shim watcher: containerd's event stream, routed to who owns the process, and a look at all after each gap.

Events that happen while there is no subscription are lost, so every new subscription is followed by
a comparison of all containers that should be running with containerd's tasks.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import trio

from engine.domain.containers.messages import Exited, OutOfMemory, Reconcile
from engine.domain.containers.ports import Runtime
from engine.domain.containers.room import Room
from engine.domain.execs.facade import Execs
from engine.domain.execs.messages import ExecExited
from engine.errors import Unavailable
from engine.models.runtime import TaskExit, TaskOOM
from supervisors import ServiceUnavailable, Worker

log = logging.getLogger(__name__)

FILTERS = ('topic=="/tasks/exit"', 'topic=="/tasks/oom"')
RETRY = 0.2
SETTLING = 0.5
PERIOD = 30.0
"""Seconds between comparisons while nothing seems wrong."""


class ShimWatcher(Worker):
    """An outage of containerd is a state here: it subscribes again for as long as it takes."""

    def __init__(
        self,
        runtime: Runtime,
        room: Room,
        execs: Execs,
        *,
        reconnected: Callable[[], Awaitable[None]],
    ) -> None:
        """`reconnected`: who else believes something of containerd, and looks again after a gap."""
        self._runtime = runtime
        self._room = room
        self._execs = execs
        self._reconnected = reconnected
        self._subscriptions = 0

    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._compare_regularly)
            while True:
                try:
                    await self._subscription(nursery)
                except (Unavailable, ServiceUnavailable) as error:
                    log.info("containerd's events: %s", error)
                await trio.sleep(RETRY)

    async def _subscription(self, nursery: trio.Nursery) -> None:
        async with self._runtime.events(*FILTERS) as events:
            await self._compare()
            self._subscriptions += 1
            if self._subscriptions > 1:
                await self._reconnected()
            nursery.start_soon(self._compare_again)
            async for event in events:
                await self._route(event.payload)

    async def _compare_again(self) -> None:
        """containerd does not say when it has heard of the subscription: until then exits go past it."""
        await trio.sleep(SETTLING)
        await self._compare()

    async def _route(self, payload: object) -> None:
        if isinstance(payload, TaskOOM):
            await self._tell(payload.container_id, OutOfMemory())
        elif isinstance(payload, TaskExit):
            if payload.id == payload.container_id:
                ended = Exited(payload.pid, payload.exit_status, payload.exited_at_ns)
                await self._tell(payload.container_id, ended)
            else:
                await self._execs.exited(
                    ExecExited(
                        payload.container_id,
                        payload.id,
                        payload.pid,
                        payload.exit_status,
                        payload.exited_at_ns,
                    )
                )

    async def _tell(self, container_id: str, message: Exited | OutOfMemory) -> None:
        cell = self._room.registry.get(container_id)
        if cell is not None:
            await cell.mailbox.tell(message)

    async def _compare_regularly(self) -> None:
        while True:
            await trio.sleep(PERIOD)
            await self._compare()

    async def _compare(self) -> None:
        for cell in self._room.registry:
            if cell.unfinished:
                cell.mailbox.offer(Reconcile())
        await self._execs.compare()
