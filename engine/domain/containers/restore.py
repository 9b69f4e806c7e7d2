"""Bringing the room's memory back from the store at the daemon's start; containerd is asked later, by the operators."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Protocol

import msgspec

from engine.domain.containers.create import CREATION
from engine.domain.containers.records import KIND, Container, from_document
from engine.domain.containers.room import Room
from engine.domain.events.facade import Document, Intent
from engine.errors import Conflict

log = logging.getLogger(__name__)


class RecordStore(Protocol):
    def load(self, kind: str) -> list[Document]: ...

    def intents(self, kind: str | None = None) -> list[Intent]: ...

    def quarantine(self, kind: str, id_: str, reason: str, body: bytes) -> None: ...

    def damaged(self, kind: str) -> frozenset[str]: ...


def load_cells(room: Room, store: RecordStore) -> None:
    """Blocks. A record that cannot be read goes to quarantine, and the rest comes up."""
    room.interrupted = store.intents(CREATION)
    starting = {intent.subject for intent in store.intents("start")}
    committing = {intent.subject for intent in store.intents("commit")}
    for container in _readable(store):
        try:
            room.registry.reserve(container.name, container.id)
        except Conflict as error:
            log.error("container %s: %s", container.id, error)
            container = msgspec.structs.replace(container, name=container.id[:12])
        cell = room.cell_of(container)
        cell.starting = container.id in starting
        cell.commit_interrupted = container.id in committing
        # Whether containerd still has the last run's task is not recorded: look before the next use.
        cell.leftover = not container.state.alive and container.state.generation > 0
        room.registry.add(cell)
    room.outside.spared = frozenset(
        each for each in store.damaged(KIND) if not room.registry.knows(each)
    )
    room.expect_unfinished()


def _readable(store: RecordStore) -> Iterable[Container]:
    for document in store.load(KIND):
        try:
            yield from_document(document)
        except (ValueError, msgspec.MsgspecError) as error:
            log.error("the record of container %s is damaged: %s", document.id, error)
            store.quarantine(KIND, document.id, str(error), document.body)
