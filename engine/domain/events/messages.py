"""What the journal takes: batches of record changes, intents and the events that they make true."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import Any

import msgspec

from supervisors import Request


class NewEvent(msgspec.Struct, frozen=True):
    """An event that becomes true with its batch.

    `key` makes a batch idempotent: a batch that is committed again after a crash adds no second row.
    """

    type: str
    action: str
    actor_id: str
    attributes: dict[str, str]
    time_ns: int = msgspec.field(default_factory=time.time_ns)
    scope: str = "local"
    key: bytes = msgspec.field(default_factory=lambda: os.urandom(12))

    def once(self, name: str) -> NewEvent:
        """The same event, of a kind that `name` can have only one of: who repeats a step after a crash
        tells it again, and nobody hears it twice."""
        return msgspec.structs.replace(self, key=name.encode())


class Intent(msgspec.Struct, frozen=True):
    """What an operation of several steps is about to do, recorded before its first effect outside."""

    kind: str
    subject: str
    detail: dict[str, Any] = {}


class Document(msgspec.Struct, frozen=True):
    """One stored record: a JSON document with the version of its schema."""

    kind: str
    id: str
    version: int
    body: bytes


class Batch(msgspec.Struct):
    """One transaction. `durable` batches are on disk (fsync) when the commit returns; the others survive
    the daemon's death at once, and power loss with the next durable batch."""

    puts: list[Document] = []
    deletes: list[tuple[str, str]] = []
    events: list[NewEvent] = []
    opens: list[Intent] = []
    closes: list[tuple[str, str]] = []
    durable: bool = True

    def put(self, document: Document) -> Batch:
        self.puts.append(document)
        return self

    def delete(self, kind: str, id: str) -> Batch:
        self.deletes.append((kind, id))
        return self

    def event(self, event: NewEvent) -> Batch:
        self.events.append(event)
        return self

    def announce(self, events: Iterable[NewEvent]) -> Batch:
        self.events.extend(events)
        return self

    def open(self, intent: Intent) -> Batch:
        self.opens.append(intent)
        return self

    def close(self, kind: str, subject: str) -> Batch:
        self.closes.append((kind, subject))
        return self


class Commit(Request[int], msgspec.Struct):
    """Ask the store to make a batch true; the reply is the sequence number of its last event, or 0."""

    batch: Batch
