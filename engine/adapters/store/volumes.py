"""The volumes room's records, in the state database."""

from __future__ import annotations

import logging

import msgspec
import trio

from engine.adapters.store.database import Database
from engine.domain.events.facade import Batch, Document, Intent, Journal, NewEvent
from engine.domain.volumes.records import SCHEMA, VolumeRecord

log = logging.getLogger(__name__)

KIND = "volume"
REMOVAL = "volume-remove"
MOUNT = "volume-mount"


class VolumeStore:
    """Reads from the database once, at start; writes through the journal."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal

    async def load(self) -> list[VolumeRecord]:
        return await trio.to_thread.run_sync(self._load)

    def _load(self) -> list[VolumeRecord]:
        records = []
        for document in self._database.load(KIND):
            try:
                records.append(_decoded(document))
            except (ValueError, msgspec.MsgspecError) as error:
                log.error("the record of volume %s is damaged: %s", document.id, error)
                self._database.quarantine(KIND, document.id, str(error), document.body)
        return records

    async def removing(self) -> list[str]:
        return await self._open(REMOVAL)

    async def mounting(self) -> list[str]:
        return await self._open(MOUNT)

    async def _open(self, kind: str) -> list[str]:
        intents = await trio.to_thread.run_sync(self._database.intents, kind)
        return [intent.subject for intent in intents]

    async def add(self, record: VolumeRecord, event: NewEvent) -> None:
        document = Document(KIND, record.name, SCHEMA, msgspec.json.encode(record))
        await self._journal.commit(Batch().put(document).event(event))

    async def begin_removal(self, name: str) -> None:
        await self._journal.commit(Batch(durable=False).open(Intent(REMOVAL, name)))

    async def drop(self, name: str, event: NewEvent) -> None:
        await self._journal.commit(Batch().delete(KIND, name).event(event))

    async def end_removal(self, name: str) -> None:
        await self._journal.commit(Batch(durable=False).close(REMOVAL, name))

    async def begin_mount(self, name: str) -> None:
        await self._journal.commit(Batch(durable=False).open(Intent(MOUNT, name)))

    async def end_mount(self, name: str) -> None:
        await self._journal.commit(Batch(durable=False).close(MOUNT, name))

    async def tell(self, event: NewEvent) -> None:
        await self._journal.commit(Batch(durable=False).event(event))


def _decoded(document: Document) -> VolumeRecord:
    if document.version > SCHEMA:
        raise ValueError(f"record version {document.version} is newer than {SCHEMA}")
    return msgspec.json.decode(document.body, type=VolumeRecord)
