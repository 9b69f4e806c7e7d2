"""The network records in a real database, written by the real store service."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import trio

from engine.adapters.store.database import Database
from engine.adapters.store.networks import NetworkStore
from engine.adapters.store.service import StoreService
from engine.domain.events.bus import EventBus
from engine.domain.events.facade import Journal
from engine.domain.events.messages import Commit
from engine.domain.networks.records import Due, NetworkRecord, Room
from supervisors import Mailbox

RECORD = NetworkRecord(
    id="n1",
    name="front",
    driver="bridge",
    created="",
    subnet="10.0.0.0/24",
    auxiliary={"a": "b"},
    more=[Room(subnet="10.1.0.0/24", gateway="10.1.0.1")],
)


@contextlib.asynccontextmanager
async def opened(path: Path) -> AsyncIterator[tuple[NetworkStore, Database]]:
    database = Database(path / "state.db")
    mailbox: Mailbox[Commit] = Mailbox("store", 64)
    bus = EventBus(database)
    service = StoreService(database, mailbox, bus.committed, bus.resume)
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: service.run(task_status=task_status))
        yield NetworkStore(database, Journal(mailbox)), database
        await service.stop()
    database.close()


def told(database: Database) -> list[tuple[str, str, dict[str, str]]]:
    messages = [event.message() for event in database.read_events(0, 100)]
    return [(each.action, each.actor.id, each.actor.attributes) for each in messages]


async def test_record_outlives_the_daemon_with_its_event(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, database):
        await store.save(RECORD, "create")
        assert told(database) == [("create", "n1", {"name": "front", "type": "bridge"})]
    async with opened(tmp_path) as (store, _):
        assert await store.load() == [RECORD]


async def test_predefined_networks_are_kept_silently(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, database):
        await store.save(RECORD)
        assert told(database) == []


async def test_removed_record_is_gone_with_its_event(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, database):
        await store.save(RECORD)
        await store.delete(RECORD)
        await store.pruned()
        assert await store.load() == []
        assert told(database) == [
            ("destroy", "n1", {"name": "front", "type": "bridge"}),
            ("prune", "", {"reclaimed": "0"}),
        ]


async def test_due_outlives_the_daemon_until_it_is_settled(tmp_path: Path) -> None:
    due = Due(id="e1", network_id="n1", driver="plug", addresses=[("p", "10.9.0.2")])
    async with opened(tmp_path) as (store, _):
        await store.note(Due(id="e1", network_id="n1"))
        await store.note(due)
    async with opened(tmp_path) as (store, _):
        assert await store.dues() == [due]
        await store.settled("e1")
        assert await store.dues() == []
