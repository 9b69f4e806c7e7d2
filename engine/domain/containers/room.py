"""The room's memory, shared by its services and its facade: the registry, and how a cell comes alive."""

from __future__ import annotations

import math

import trio

from engine.domain.containers.cell import Cell
from engine.domain.containers.messages import RoomMessage
from engine.domain.containers.outside import Outside
from engine.domain.containers.records import Container
from engine.domain.containers.restoring import Restoring
from engine.domain.events.facade import Intent
from engine.domain.streams.session import ProcessStreams
from engine.errors import EngineError
from supervisors import Mailbox


class Room:
    """Passive: it outlives the services. `abandoned` are the creates that must be taken back,
    `interrupted` the intents of those in which an earlier daemon died."""

    def __init__(self, outside: Outside) -> None:
        self.outside = outside
        self.registry = outside.registry
        self.mailbox: Mailbox[RoomMessage] = Mailbox("containers", 1024)
        self.restored = False
        self.booted = False
        self.restoring = Restoring()
        self.abandoned: list[Container] = []
        self.interrupted: list[Intent] = []
        self._departing, self.departures = trio.open_memory_channel[str](math.inf)

    def cell_of(self, record: Container) -> Cell:
        async def close_stdin() -> None:
            try:
                await self.outside.runtime.tasks.close_io(record.id)
            except EngineError:
                return  # it has ended, and its input with it

        directory = self.outside.settings.exec_root / "fifo" / record.id
        streams = ProcessStreams(directory, close_stdin, (self.outside.holder, record.id))
        return Cell(record, streams, self.forget)

    def expect_unfinished(self) -> list[Cell]:
        """Those that the daemon's start has to look at; the restore's progress counts them from now on."""
        found = [cell for cell in self.registry if cell.unfinished]
        self.restoring.expect((cell.id, cell.record.name) for cell in found)
        return found

    def forget(self, cell: Cell) -> None:
        """The container is gone from the store: take it out of memory, and its supervisor out of the tree."""
        self.registry.discard(cell.id)
        cell.gone()
        self._departing.send_nowait(cell.id)
