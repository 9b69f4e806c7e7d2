"""What builds leave behind them: containers of their steps, contexts; taken away whatever became of the build.

The list is passive and outlives the service that works on it, so a client that goes away in the middle,
or a crash, leaves nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import trio

from engine.domain.builds.ports import Workshop
from engine.domain.containers.facade import Containers
from engine.domain.events.facade import Batch, Intent, Journal
from engine.errors import NotFound
from supervisors import Refusal, Worker

__all__ = ["INTENT", "BuildsService", "Leavings", "intent"]

log = logging.getLogger(__name__)

INTENT = "build"
RETRY = 0.2
LONGEST_RETRY = 30.0


class Leavings:
    """Containers by name, and the IDs of builds that are over but for their leavings."""

    def __init__(self) -> None:
        self.containers: dict[str, set[str]] = {}
        self.ended: set[str] = set()
        self.running: set[str] = set()
        self._changed = trio.Event()

    def prefix(self, build_id: str) -> str:
        """Of the names of this build's containers."""
        return f"build-{build_id}-"

    def begin(self, build_id: str) -> None:
        self.running.add(build_id)

    def put(self, build_id: str, container: str) -> None:
        """A container that is to go."""
        self.containers.setdefault(build_id, set()).add(container)
        self._nudge()

    def end(self, build_id: str) -> None:
        self.running.discard(build_id)
        self.ended.add(build_id)
        self._nudge()

    def removed(self, build_id: str, container: str) -> None:
        self.containers.get(build_id, set()).discard(container)
        self._nudge()

    def forget(self, build_id: str) -> None:
        self.ended.discard(build_id)
        self.containers.pop(build_id, None)
        self._nudge()

    async def gone(self, build_id: str) -> None:
        """Return when no container of this build waits for its removal."""
        while self.containers.get(build_id):
            await self._changed.wait()

    async def settled(self, build_id: str) -> None:
        """Return when nothing is left of it."""
        while build_id in self.ended:
            await self._changed.wait()

    async def changed(self) -> None:
        await self._changed.wait()

    def _nudge(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


class BuildsService(Worker):
    """Takes leavings away, each until it is gone. A fresh one begins with what dead daemons have left."""

    def __init__(
        self,
        leavings: Leavings,
        containers: Containers,
        workshop: Workshop,
        journal: Journal,
        open_intents: Iterable[str],
    ) -> None:
        self._leavings = leavings
        self._containers = containers
        self._workshop = workshop
        self._journal = journal
        self._open = tuple(open_intents)

    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        leavings = self._leavings
        left = {*self._open, *await self._workshop.left_over()} - leavings.running
        for build_id in left:
            for name in self._containers.named(leavings.prefix(build_id)):
                leavings.put(build_id, name)
            leavings.end(build_id)
        task_status.started()
        begun: set[tuple[str, str]] = set()
        async with trio.open_nursery() as nursery:
            while True:
                waiting = {
                    (build_id, name)
                    for build_id, names in leavings.containers.items()
                    for name in names
                }
                over = {(each, "") for each in leavings.ended if not leavings.containers.get(each)}
                begun &= waiting | over
                for each in (waiting | over) - begun:
                    begun.add(each)
                    nursery.start_soon(self._clear, *each)
                await leavings.changed()

    async def _clear(self, build_id: str, name: str) -> None:
        """One container, or (for no name) what else there is of a build that is over."""
        delay = RETRY
        while True:
            try:
                if name:
                    await self._remove(name)
                    self._leavings.removed(build_id, name)
                else:
                    await self._workshop.discard(build_id)
                    await self._journal.commit(Batch(durable=False).close(INTENT, build_id))
                    self._leavings.forget(build_id)
                return
            except Refusal as error:
                log.warning("build %s: what is left of it: %s", build_id, error)
            await trio.sleep(delay)
            delay = min(2 * delay, LONGEST_RETRY)

    async def _remove(self, name: str) -> None:
        try:
            await self._containers.remove(name, force=True, volumes=True)
        except NotFound:
            return


def intent(build_id: str) -> Intent:
    return Intent(INTENT, build_id, {})
