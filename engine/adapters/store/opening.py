"""Opening the state: what is damaged is moved aside, and made anew from the copy.

Everything here blocks; it happens before the daemon's first service, and in `trimaran doctor`.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from engine.adapters.store.copy import Copy
from engine.adapters.store.database import Database, is_damage
from engine.domain.events.messages import Batch, Document

log = logging.getLogger(__name__)

STATE, COPY = "state.db", "state.copy.db"
QUARANTINE = "quarantine"
SUSPECT = "state.suspect"
CHECKED_BYTES = 64 << 20
"""A larger database (it is the event log that grows) is checked whole only when it is suspect."""
EVENTS_SKIPPED = 1_000_000
"""Numbers that a rebuilt event log leaves free: those of events that the copy had not heard of."""


T = TypeVar("T")


class Repair(msgspec.Struct):
    """What was found damaged at the opening, and what became of it."""

    what: str
    reason: str
    moved_to: str = ""
    restored: int = 0

    def attributes(self) -> dict[str, str]:
        """For the event daemon/repair."""
        return {
            "what": self.what,
            "reason": self.reason,
            "movedTo": self.moved_to,
            "restored": str(self.restored),
        }


class State(msgspec.Struct):
    """The two databases, open, and what had to be repaired for that."""

    database: Database
    copy: Copy | None
    repairs: list[Repair] = msgspec.field(default_factory=list)

    def close(self) -> None:
        self.database.close()
        if self.copy is not None:
            self.copy.close()


def open_state(data_root: Path) -> State:
    """Open, check, repair. Raises SchemaTooNew; sqlite3.Error for what is not damage (a full disk)."""
    repairs: list[Repair] = []
    copy = _open(data_root / COPY, _sound_copy, repairs)
    known = copy is not None and bool(copy.database.fingerprints())
    path, suspect = data_root / STATE, data_root / SUSPECT

    def sound(path: Path) -> Database:
        return _sound_database(path, whole=suspect.exists(), known=known)

    before = len(repairs)
    database = _open(path, sound, repairs)
    if len(repairs) > before and copy is not None:
        repairs[-1].restored = _restore_all(database, copy)
    elif copy is not None:
        _mend_records(database, copy, repairs)
    suspect.unlink(missing_ok=True)
    if copy is not None:
        database.spare = copy.find
    return State(database, copy, repairs)


def mark_suspect(data_root: Path) -> None:
    """The next opening checks everything."""
    (data_root / SUSPECT).touch()


def _open(path: Path, sound: Callable[[Path], T], repairs: list[Repair]) -> T:
    """What `sound` opens; when that is damaged, a new one in its place."""
    try:
        return sound(path)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        aside = set_aside(path)
        log.error("%s is damaged (%s): it was moved to %s", path, error, aside)
        repairs.append(Repair(path.name, str(error), str(aside)))
        return sound(path)


def _sound_copy(path: Path) -> Copy:
    copy = Copy(path)
    try:
        copy.database.check()
    except BaseException:
        copy.close()
        raise
    return copy


def _sound_database(path: Path, *, whole: bool, known: bool) -> Database:
    emptied = path.exists() and known and path.stat().st_size == 0
    if emptied:
        raise sqlite3.DatabaseError("file is empty")
    database = Database(path)
    try:
        if whole or path.stat().st_size < CHECKED_BYTES:
            database.check()
    except BaseException:
        database.close()
        raise
    return database


def set_aside(path: Path) -> Path:
    """Move a database with what belongs to it into the quarantine folder; where it is now."""
    folder = path.parent / QUARANTINE
    folder.mkdir(mode=0o700, exist_ok=True)
    aside = folder / f"{path.name}.{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.{os.getpid()}"
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.replace(aside.with_name(aside.name + suffix))
    return aside


def _restore_all(database: Database, copy: Copy) -> int:
    documents, intents, head = copy.content()
    database.skip_events(head + EVENTS_SKIPPED)
    batch = Batch()
    for document in documents:
        batch.put(document)
    for intent in intents:
        batch.open(intent)
    database.commit([batch])
    return len(documents)


def _mend_records(database: Database, copy: Copy, repairs: list[Repair]) -> None:
    """Records with a wrong checksum go to quarantine, and come back from the copy."""
    damaged = database.put_damaged_away()
    if not damaged:
        return
    present = database.fingerprints()
    documents, _, _ = copy.content()
    missing: list[Document] = [each for each in documents if (each.kind, each.id) not in present]
    database.commit([Batch(puts=missing)])
    for kind, id_ in damaged:
        log.error("the record of %s %s was damaged", kind, id_)
        back = any((each.kind, each.id) == (kind, id_) for each in missing)
        if back:
            database.release(kind, id_)
        repairs.append(Repair(f"{kind} {id_}", "checksum mismatch", restored=int(back)))
