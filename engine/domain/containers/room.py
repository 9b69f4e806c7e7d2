"""The room's memory, shared by its services and its facade: the registry, and how a cell comes alive."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from engine.domain.containers.cell import Cell
from engine.domain.containers.messages import RoomMessage
from engine.domain.containers.outside import Outside
from engine.domain.containers.records import Container
from engine.domain.containers.registry import Registry
from engine.domain.containers.streams import RunStreams
from supervisors import Mailbox


class Room:
    """Passive: it outlives the services. `supervise` puts a cell's operator into the tree (once)."""

    def __init__(self, outside: Outside) -> None:
        self.outside = outside
        self.registry = Registry()
        self.mailbox: Mailbox[RoomMessage] = Mailbox("containers", 1024)

    def cell_of(self, record: Container) -> Cell:
        streams = RunStreams(
            record.id,
            self.outside.settings.exec_root / "fifo" / record.id,
            self.outside.directory(record.id),
        )
        return Cell(record, streams)


Supervise = Callable[[Cell], Awaitable[None]]
