"""Removing every container that does not run (rows 105 and 106)."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import trio

from engine.domain.containers.cell import Cell
from engine.domain.containers.facade import Containers
from engine.domain.containers.filters import has_label
from engine.domain.containers.records import Status
from engine.domain.containers.room import Room
from engine.domain.images.facade import until
from engine.errors import EngineError, InvalidParameter
from engine.models.containers import PruneReport

FILTERS = frozenset({"label", "label!", "until"})


class Prunes:
    """One at a time: a second one waits for its turn, where dockerd refuses it."""

    def __init__(self, room: Room, containers: Containers) -> None:
        self._room = room
        self._containers = containers
        self._turn = trio.Lock()

    async def prune(self, filters: Mapping[str, Sequence[str]]) -> PruneReport:
        """InvalidParameter for a filter. Volumes stay."""
        for name in filters:
            if name not in FILTERS:
                raise InvalidParameter(f"Invalid filter '{name}'")
        latest = until(filters, time.time_ns())
        async with self._turn:
            return await self._prune(filters, latest)

    async def _prune(self, filters: Mapping[str, Sequence[str]], latest: int | None) -> PruneReport:
        removed: list[str] = []
        reclaimed = 0
        for cell in list(self._room.registry):
            if not _chosen(cell, filters, latest):
                continue
            size = await self._containers.size_rw(cell)
            try:
                await self._containers.remove(cell.id)
            except EngineError:
                continue  # started, or gone, meanwhile
            removed.append(cell.id)
            reclaimed += size
        emit = self._room.outside.journal.emit
        await emit("container", "prune", "", {"reclaimed": str(reclaimed)})
        return PruneReport(containers_deleted=removed or None, space_reclaimed=reclaimed)


def _chosen(cell: Cell, filters: Mapping[str, Sequence[str]], latest: int | None) -> bool:
    record = cell.record
    if cell.running or cell.starting or record.state.status is Status.REMOVING:
        return False
    if latest is not None and record.created_ns > latest:
        return False
    labels = record.config.labels or {}
    return all(has_label(each, labels) for each in filters.get("label", ())) and not any(
        has_label(each, labels) for each in filters.get("label!", ())
    )
