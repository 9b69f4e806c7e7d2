"""Who starts after whom when the daemon starts: links, Compose's labels, joined namespaces (section D, phase 6)."""

from __future__ import annotations

from collections.abc import Iterable

import trio

from engine.domain.containers import dependencies
from engine.domain.containers.joins import joins
from engine.domain.containers.records import Container

LINKED_SECONDS = 5.0
"""Best effort: who waited so long for those that it needs starts without them, as in dockerd."""
JOINED_SECONDS = 60.0
"""A container in another one's namespace cannot run without that one."""


class BootOrder:
    """Made once for all of the room; each container takes its `turn`, and is `done` whatever became of it."""

    def __init__(self, records: Iterable[Container]) -> None:
        self._needs = dependencies.without_cycles(dependencies.needs(records))
        self._over = {each: trio.Event() for each in self._needs}

    async def turn(self, record: Container) -> None:
        """Wait for those that it needs, for as long as is worth it."""
        patience = JOINED_SECONDS if joins(record.host) else LINKED_SECONDS
        with trio.move_on_after(patience):
            for each in self._needs.get(record.id, ()):
                await self._over[each].wait()

    def done(self, container_id: str) -> None:
        if container_id in self._over:
            self._over[container_id].set()
