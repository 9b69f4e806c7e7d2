"""The volume records in a real database, written by the real store service."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import trio

from engine.adapters.store.database import Database
from engine.adapters.store.service import StoreService
from engine.adapters.store.volumes import KIND, VolumeStore
from engine.domain.events.bus import EventBus
from engine.domain.events.facade import Batch, Document, Journal
from engine.domain.events.messages import Commit
from supervisors import Mailbox
from tests.contracts.volume_stores import CHECKS, EVENT, RECORD, Check


@contextlib.asynccontextmanager
async def opened(path: Path) -> AsyncIterator[tuple[VolumeStore, Journal, Database]]:
    database = Database(path / "state.db")
    mailbox: Mailbox[Commit] = Mailbox("store", 64)
    bus = EventBus(database)
    journal = Journal(mailbox)
    service = StoreService(database, mailbox, bus.committed, bus.resume)
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: service.run(task_status=task_status))
        yield VolumeStore(database, journal), journal, database
        await service.stop()
    database.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda each: each.__name__)
async def test_database_keeps_the_contract(check: Check, tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _, _):
        await check(store)


async def test_record_and_event_are_one_transaction(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _, database):
        await store.add(RECORD, EVENT)
        (event,) = database.read_events(0, 10)
        assert event.message().actor.attributes == {"driver": "local"}


@pytest.mark.parametrize(("version", "body"), [(1, b"{}"), (9, msgspec.json.encode(RECORD))])
async def test_unreadable_record_is_put_aside(tmp_path: Path, version: int, body: bytes) -> None:
    async with opened(tmp_path) as (store, journal, database):
        await store.add(RECORD, EVENT)
        await journal.commit(Batch().put(Document(KIND, "bad", version, body)))
        assert await store.load() == [RECORD]
        assert [entry[:2] for entry in database.quarantined()] == [(KIND, "bad")]


def test_first_schema_is_still_read() -> None:
    golden = (
        b'{"name":"vol","created_ns":1,"driver":"local","labels":{"a":"b"},'
        b'"options":{"type":"tmpfs"}}'
    )
    assert msgspec.json.decode(golden, type=type(RECORD)) == RECORD
    assert msgspec.json.encode(RECORD) == golden
