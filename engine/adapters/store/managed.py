"""The records of managed plugins, in the state database."""

from __future__ import annotations

import logging

import msgspec
import trio

from engine.adapters.store.database import Database
from engine.domain.events.facade import Batch, Document, Journal, NewEvent
from engine.domain.managed.records import SCHEMA, PluginRecord

log = logging.getLogger(__name__)

KIND = "plugin"


class ManagedStore:
    """Reads from the database once, at start; writes through the journal."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal

    async def load(self) -> list[PluginRecord]:
        return await trio.to_thread.run_sync(self._load)

    def names(self) -> set[str]:
        """Of those that are there, for what is asked before the room has its memory. Blocks for a moment."""
        return {each.name for each in self._load()}

    async def put(self, record: PluginRecord, event: NewEvent | None) -> None:
        batch = Batch().put(Document(KIND, record.id, SCHEMA, msgspec.json.encode(record)))
        await self._journal.commit(batch if event is None else batch.event(event))

    async def drop(self, record: PluginRecord, event: NewEvent) -> None:
        await self._journal.commit(Batch().delete(KIND, record.id).event(event))

    def _load(self) -> list[PluginRecord]:
        records = []
        for document in self._database.load(KIND):
            try:
                if document.version > SCHEMA:
                    raise ValueError(f"record version {document.version} is newer than {SCHEMA}")
                records.append(msgspec.json.decode(document.body, type=PluginRecord))
            except (ValueError, msgspec.MsgspecError) as error:
                log.error("the record of plugin %s is damaged: %s", document.id, error)
                self._database.quarantine(KIND, document.id, str(error), document.body)
        return records
