"""The second copy of records and intents: a database of its own that follows the first one, for the day that is damaged.

It is never waited for: its transactions come in the pauses between commits, without fsync. At each start
of the store it is made equal again.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from engine.adapters.store.database import Database
from engine.domain.events.messages import Batch, Document, Intent

log = logging.getLogger(__name__)

HEAD = "head"


class Copy:
    """Every method blocks, and comes from one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path)
        self._behind = False

    def follow(self, batches: Sequence[Batch], source: Database) -> None:
        """What the first one has just committed. A failure costs nothing but time: it catches up later."""
        try:
            if self._behind:
                self.catch_up(source)
                return
            kept = [_without_events(batch) for batch in batches]
            if kept := [batch for batch in kept if batch is not None]:
                self.database.commit(kept)
        except sqlite3.Error as error:
            log.warning("the copy of the state cannot be written: %s", error)
            self._behind = True

    def catch_up(self, source: Database) -> None:
        """Make it equal to the first one. sqlite3.Error when it cannot be written."""
        wanted, found = source.fingerprints(), self.database.fingerprints()
        changed = [key for key, crc in wanted.items() if found.get(key) != crc]
        batch = Batch(durable=False)
        for key in changed:
            document = source.find(*key)
            if document is not None:
                batch.put(document)
        for key in found.keys() - wanted.keys():
            batch.delete(*key)
        theirs, ours = source.intents(), self.database.intents()
        for intent in theirs:
            if intent not in ours:
                batch.open(intent)
        present = {(intent.kind, intent.subject) for intent in theirs}
        for intent in ours:
            if (intent.kind, intent.subject) not in present:
                batch.close(intent.kind, intent.subject)
        if batch != Batch(durable=False):
            self.database.commit([batch])
        self.database.set_meta(HEAD, str(source.head()))
        self._behind = False

    def find(self, kind: str, id_: str) -> Document | None:
        """The sound copy of a record."""
        try:
            return self.database.find(kind, id_)
        except sqlite3.DatabaseError as error:
            log.error("the copy of the state cannot be read: %s", error)
            return None

    def content(self) -> tuple[list[Document], list[Intent], int]:
        """Everything, and the number of the last event that it has heard of."""
        keys = self.database.fingerprints()
        documents = [found for key in keys if (found := self.database.find(*key)) is not None]
        return documents, self.database.intents(), int(self.database.meta(HEAD) or 0)

    def close(self) -> None:
        self.database.close()


def _without_events(batch: Batch) -> Batch | None:
    if not (batch.puts or batch.deletes or batch.opens or batch.closes):
        return None
    return Batch(
        puts=batch.puts,
        deletes=batch.deletes,
        opens=batch.opens,
        closes=batch.closes,
        durable=False,
    )
