from __future__ import annotations

from pathlib import Path

import msgspec

from engine.adapters.store.database import Database
from engine.adapters.store.managed import KIND, ManagedStore
from engine.domain.events.facade import Batch, Document, Journal
from engine.domain.managed.records import SCHEMA, Package, PluginRecord, Settings
from supervisors import Mailbox

RECORD = PluginRecord(
    id="p1",
    name="mini:latest",
    created_ns=1,
    config={"Env": []},
    settings=Settings(env=("A=1",)),
    package=Package("sha256:c", 1, "sha256:l", 2, "sha256:d"),
)


async def test_records_come_back_and_damaged_ones_are_set_aside(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db")
    batch = Batch()
    batch.put(Document(KIND, "p1", SCHEMA, msgspec.json.encode(RECORD)))
    batch.put(Document(KIND, "p2", SCHEMA, b"{}"))
    batch.put(Document(KIND, "p3", SCHEMA + 1, msgspec.json.encode(RECORD)))
    database.commit([batch])
    store = ManagedStore(database, Journal(Mailbox("store", 1)))
    assert await store.load() == [RECORD]
    assert store.names() == {"mini:latest"}
    database.close()
