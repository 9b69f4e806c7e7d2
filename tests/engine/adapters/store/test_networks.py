from __future__ import annotations

from pathlib import Path

from engine.adapters.store.database import Database
from engine.adapters.store.networks import NetworkStore
from engine.domain.networks.records import NetworkRecord
from tests.fakes.journal import FakeJournal

BRIDGE = NetworkRecord(
    id="n1", name="bridge", driver="bridge", created="2020-01-01T00:00:00Z", labels={"a": "b"}
)


async def test_records_are_written_through_the_journal_and_read_from_the_database(
    tmp_path: Path,
) -> None:
    database, journal = Database(tmp_path / "state.db"), FakeJournal()
    store = NetworkStore(database, journal)  # type: ignore[arg-type]
    assert await store.load() == []
    await store.save(BRIDGE)
    database.commit(journal.batches)
    assert await store.load() == [BRIDGE]
    database.close()
