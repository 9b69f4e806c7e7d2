"""The networks room's records, in the state database."""

from __future__ import annotations

import msgspec
import trio

from engine.adapters.store.database import Database
from engine.domain.events.facade import Batch, Document, Intent, Journal, NewEvent
from engine.domain.networks.records import SCHEMA, Due, NetworkRecord

KIND = "network"
DUE = "network-due"


class NetworkStore:
    """Reads from the database once, at start; writes through the journal."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal

    async def load(self) -> list[NetworkRecord]:
        documents = await trio.to_thread.run_sync(self._database.load, KIND)
        return [msgspec.json.decode(each.body, type=NetworkRecord) for each in documents]

    async def save(self, record: NetworkRecord, action: str = "") -> None:
        document = Document(KIND, record.id, SCHEMA, msgspec.json.encode(record))
        batch = Batch().put(document)
        await self._journal.commit(batch.announce([_event(record, action)] if action else []))

    async def delete(self, record: NetworkRecord) -> None:
        await self._journal.commit(Batch().delete(KIND, record.id).event(_event(record, "destroy")))

    async def pruned(self) -> None:
        await self._journal.emit("network", "prune", "", {"reclaimed": "0"})

    async def dues(self) -> list[Due]:
        intents = await trio.to_thread.run_sync(self._database.intents, DUE)
        return [msgspec.convert(intent.detail, type=Due) for intent in intents]

    async def note(self, due: Due) -> None:
        intent = Intent(DUE, due.id, msgspec.to_builtins(due))
        await self._journal.commit(Batch(durable=False).open(intent))

    async def settled(self, due_id: str) -> None:
        await self._journal.commit(Batch(durable=False).close(DUE, due_id))


def _event(record: NetworkRecord, action: str) -> NewEvent:
    return NewEvent("network", action, record.id, {"name": record.name, "type": record.driver})
