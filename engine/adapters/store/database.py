"""The SQLite file: its schema, transactions of batches, and reads of records, intents and events.

Every method blocks and is meant for a worker thread; writes come from one thread at a time.
"""

from __future__ import annotations

import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine.domain.events.messages import Batch, Document, Intent
from engine.domain.events.records import Event, body_of

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (
    kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS intents (
    kind TEXT NOT NULL, subject TEXT NOT NULL, detail BLOB NOT NULL, PRIMARY KEY (kind, subject)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE, time_ns INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS events_by_time ON events (time_ns);
CREATE TABLE IF NOT EXISTS timeline (
    seq INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, container TEXT NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS timeline_container ON timeline (container, time_ns);
CREATE TABLE IF NOT EXISTS quarantine (
    kind TEXT NOT NULL, id TEXT NOT NULL, reason TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;
"""


DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
SHORT_READ = sqlite3.SQLITE_IOERR_SHORT_READ


def is_damage(error: sqlite3.Error) -> bool:
    """The file is not what SQLite wrote; anything else (a full disk, a lock) is an outage."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return type(error) is sqlite3.DatabaseError
    return code & 0xFF in DAMAGE or code == SHORT_READ


def checksum(kind: str, id_: str, version: int, body: bytes) -> int:
    """Of the whole record, so that one that got another name is found out too."""
    return zlib.crc32(body, zlib.crc32(f"{kind}\0{id_}\0{version}".encode()))


def _sound(kind: str, id_: str, version: int, crc: int, body: bytes) -> bool:
    """Older engines' checksums were of the body alone."""
    try:
        return crc in (checksum(kind, id_, version, body), zlib.crc32(body))
    except TypeError:
        return False  # a column of another type


def _nobody(kind: str, id_: str) -> Document | None:  # noqa: ARG001
    return None


FORGOTTEN = "events-forgotten"
"""Under which the number of the newest forgotten event is kept: what tells a gap from numbers never given."""
STRIDE = 1000
"""Events that are counted or deleted at a time, so that nobody waits for the whole of it."""


_OF_EVENT = "json_extract(CAST(body AS TEXT), '$.{}')"
KEEP_TRANSITIONS = f"""
INSERT OR IGNORE INTO timeline SELECT seq, time_ns, {_OF_EVENT.format("Actor.ID")}, body FROM events
WHERE seq <= ? AND {_OF_EVENT.format("Type")} = 'container'
AND ({_OF_EVENT.format("Action")} IN ('create', 'start', 'restart', 'stop', 'kill', 'die', 'oom', 'pause', 'unpause',
'rename', 'destroy') OR {_OF_EVENT.format("Action")} LIKE 'health_status%')
"""
"""What a container's timeline needs outlives the event log."""
FORGET_ENDED = """
DELETE FROM timeline WHERE container IN (SELECT container FROM timeline GROUP BY container HAVING MAX(time_ns) < ?)
AND container NOT IN (SELECT id FROM records WHERE kind = 'container')
"""
FORGET_LONG = """
DELETE FROM timeline WHERE seq IN (SELECT seq FROM (
SELECT seq, ROW_NUMBER() OVER (PARTITION BY container ORDER BY seq DESC) AS place FROM timeline) WHERE place > ?)
"""


class SchemaTooNew(Exception):
    """The database was written by a newer engine."""


class Database:
    """One writer connection, and one for reads, each behind a lock of its own."""

    def __init__(self, path: Path) -> None:
        """`spare` has a sound copy of a damaged record, if anybody has."""
        self.path = path
        self.spare: Callable[[str, str], Document | None] = _nobody
        self._writer = self._connect()
        self._writer_lock = threading.Lock()
        try:
            self._writer.executescript(SCHEMA)
            self._check_version()
            self._reader = self._connect()
        except BaseException:
            self._writer.close()
            raise
        self._reader_lock = threading.Lock()
        self._durable = True
        self._forgotten = int(self.meta(FORGOTTEN) or 0)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, timeout=10
        )
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA wal_autocheckpoint=4000")
        except BaseException:
            connection.close()
            raise
        return connection

    def _check_version(self) -> None:
        found = self.meta("schema")
        if found is None:
            self.set_meta("schema", str(SCHEMA_VERSION))
        elif int(found) > SCHEMA_VERSION:
            raise SchemaTooNew(
                f"{self.path} has schema {found}, this engine knows {SCHEMA_VERSION}"
            )

    def meta(self, key: str) -> str | None:
        row = self._writer.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, key: str, value: str) -> None:
        with self._writer_lock:
            self._writer.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def commit(self, batches: Sequence[Batch]) -> list[list[Event]]:
        """Make the batches true in one transaction; each one's events with the numbers they got."""
        with self._writer_lock:
            self._set_durable(any(batch.durable for batch in batches))
            write = self._writer.execute
            write("BEGIN IMMEDIATE")
            try:
                events = [self._apply(batch) for batch in batches]
                write("COMMIT")
            except BaseException:
                write("ROLLBACK")
                raise
            return events

    def _set_durable(self, durable: bool) -> None:
        if durable != self._durable:
            self._writer.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._durable = durable

    def _apply(self, batch: Batch) -> list[Event]:
        write = self._writer.execute
        for doc in batch.puts:
            crc = checksum(doc.kind, doc.id, doc.version, doc.body)
            row = (doc.kind, doc.id, doc.version, crc, doc.body)
            write("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?)", row)
        for key in batch.deletes:
            write("DELETE FROM records WHERE kind=? AND id=?", key)
        for intent in batch.opens:
            detail = msgspec.json.encode(intent.detail)
            write(
                "INSERT OR REPLACE INTO intents VALUES (?, ?, ?)",
                (intent.kind, intent.subject, detail),
            )
        for key in batch.closes:
            write("DELETE FROM intents WHERE kind=? AND subject=?", key)
        committed = []
        for event in batch.events:
            body = body_of(event)
            values = (event.key, event.time_ns, body)
            cursor = write(
                "INSERT OR IGNORE INTO events (key, time_ns, body) VALUES (?, ?, ?)", values
            )
            if cursor.rowcount == 1 and cursor.lastrowid is not None:
                committed.append(Event(cursor.lastrowid, event.time_ns, body))
        return committed

    def load(self, kind: str) -> list[Document]:
        """All sound records of a kind; its copy takes a damaged one's place; without one it goes to quarantine."""
        with self._writer_lock:
            rows = self._writer.execute(
                "SELECT id, version, crc, body FROM records WHERE kind=?", (kind,)
            ).fetchall()
            sound = []
            for id_, version, crc, body in rows:
                if _sound(kind, id_, version, crc, body):
                    sound.append(Document(kind, id_, version, body))
                    continue
                if (spare := self.spare(kind, id_)) is not None:
                    self._apply(Batch(puts=[spare]))
                    sound.append(spare)
                else:
                    self._quarantine(kind, id_, "checksum mismatch", body)
            return sound

    def find(self, kind: str, id_: str) -> Document | None:
        """One sound record."""
        for version, crc, body in self._read(
            "SELECT version, crc, body FROM records WHERE kind=? AND id=?", kind, id_
        ):
            if _sound(kind, id_, version, crc, body):
                return Document(kind, id_, version, body)
        return None

    def fingerprints(self) -> dict[tuple[str, str], int]:
        """The checksum of every record, by kind and ID."""
        rows = self._read("SELECT kind, id, crc FROM records")
        return {(kind, id_): crc for kind, id_, crc in rows}

    def put_damaged_away(self) -> list[tuple[str, str]]:
        """Every record with a wrong checksum, now in quarantine."""
        with self._writer_lock:
            rows = self._writer.execute("SELECT kind, id, version, crc, body FROM records")
            damaged = [row for row in rows if not _sound(*row)]
            for kind, id_, _, _, body in damaged:
                self._quarantine(kind, id_, "checksum mismatch", body)
        return [(kind, id_) for kind, id_, *_ in damaged]

    def check(self) -> None:
        """sqlite3.DatabaseError when the file's structure is damaged. Reads all of it."""
        with self._writer_lock:
            rows = self._writer.execute("PRAGMA integrity_check(1)").fetchall()
        if rows != [("ok",)]:
            raise sqlite3.DatabaseError(str(rows[0][0]) if rows else "it cannot be checked")

    def skip_events(self, head: int) -> None:
        """The next event gets a higher number: clients that go on from one they know miss none."""
        with self._writer_lock:
            self._writer.execute("DELETE FROM sqlite_sequence WHERE name='events'")
            self._writer.execute("INSERT INTO sqlite_sequence VALUES ('events', ?)", (head,))

    def quarantine(self, kind: str, id_: str, reason: str, body: bytes) -> None:
        with self._writer_lock:
            self._quarantine(kind, id_, reason, body)

    def _quarantine(self, kind: str, id_: str, reason: str, body: bytes) -> None:
        self._writer.execute("BEGIN IMMEDIATE")
        self._writer.execute(
            "INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?, ?)", (kind, id_, reason, body)
        )
        self._writer.execute("DELETE FROM records WHERE kind=? AND id=?", (kind, id_))
        self._writer.execute("COMMIT")

    def release(self, kind: str, id_: str) -> None:
        """A sound copy has taken its place."""
        with self._writer_lock:
            self._writer.execute("DELETE FROM quarantine WHERE kind=? AND id=?", (kind, id_))

    def quarantined(self) -> list[tuple[str, str, str]]:
        """(kind, id, reason) of every record in quarantine."""
        return list(self._read("SELECT kind, id, reason FROM quarantine ORDER BY kind, id"))

    def damaged(self, kind: str) -> frozenset[str]:
        """The IDs of a kind's records in quarantine."""
        return frozenset(id_ for each, id_, _ in self.quarantined() if each == kind)

    def intents(self, kind: str | None = None) -> list[Intent]:
        rows = self._read(
            "SELECT kind, subject, detail FROM intents WHERE ?1 IS NULL OR kind=?1", kind
        )
        return [Intent(k, subject, msgspec.json.decode(detail)) for k, subject, detail in rows]

    def head(self) -> int:
        """The number of the newest event ever committed, also when retention has forgotten it."""
        rows = self._read("SELECT seq FROM sqlite_sequence WHERE name='events'")
        return int(rows[0][0]) if rows else 0

    def read_events(self, after_seq: int, limit: int) -> list[Event]:
        sql = "SELECT seq, time_ns, body FROM events WHERE seq > ? ORDER BY seq LIMIT ?"
        return [Event(*row) for row in self._read(sql, after_seq, limit)]

    def first_seq_since(self, time_ns: int) -> int:
        rows = self._read("SELECT MIN(seq) FROM events WHERE time_ns >= ?", time_ns)
        return self.head() if rows[0][0] is None else int(rows[0][0]) - 1

    def last_seq_before(self, time_ns: int) -> int:
        return self._number("SELECT MAX(seq) FROM events WHERE time_ns < ?", time_ns)

    def forgotten(self) -> int:
        return self._forgotten

    def prune_events(self, *, keep: int, newer_than_ns: int, max_bytes: int) -> int:
        floors = [self.head() - keep] if keep else []
        if newer_than_ns:
            floors.append(self._seq_of_age(newer_than_ns))
        if max_bytes:
            floors.append(self._seq_below_bytes(max_bytes))
        return self._forget(max(floors, default=0))

    def _seq_of_age(self, oldest: int) -> int:
        """The number up to which all is older. A clock that was once ahead left rows of a time to come:
        they say nothing, unless there are no others."""
        fresh = "SELECT MIN(seq) FROM events WHERE time_ns BETWEEN ? AND ?"
        first = self._number(fresh, oldest, time.time_ns())
        return first - 1 if first else self.last_seq_before(oldest)

    def _seq_below_bytes(self, max_bytes: int) -> int:
        total, before = 0, self.head() + 1
        sql = "SELECT seq, length(body) FROM events WHERE seq < ? ORDER BY seq DESC LIMIT ?"
        while rows := self._read(sql, before, STRIDE):
            for seq, size in rows:
                total += size
                if total > max_bytes:
                    return int(seq)
            before = int(rows[-1][0])
        return 0

    def history(self, text: str) -> list[Event]:
        """All that is kept, here or in the timelines, whose body has this text; oldest first."""
        sql = "SELECT seq, time_ns, body FROM {} WHERE instr(body, ?1)"
        both = f"{sql.format('timeline')} UNION {sql.format('events')} ORDER BY seq"
        return [Event(*row) for row in self._read(both, text.encode())]

    def prune_timelines(self, *, newer_than_ns: int, most: int) -> int:
        """Forget the timelines of containers that are no more and ended before; of the others all but `most`."""
        with self._writer_lock:
            write = self._writer.execute
            ended = write(FORGET_ENDED, (newer_than_ns,)).rowcount
            return ended + write(FORGET_LONG, (most,)).rowcount

    def _forget(self, floor: int) -> int:
        deleted = 0
        while (oldest := self._number("SELECT MIN(seq) FROM events")) and oldest <= floor:
            upto = min(floor, oldest + STRIDE - 1)
            with self._writer_lock:
                # Known before it is true: who reads meanwhile finds the rows, or knows why not.
                self._forgotten = max(self._forgotten, upto)
                write = self._writer.execute
                write("BEGIN IMMEDIATE")
                try:
                    write("INSERT OR REPLACE INTO meta VALUES (?, ?)", (FORGOTTEN, str(upto)))
                    write(KEEP_TRANSITIONS, (upto,))
                    deleted += write("DELETE FROM events WHERE seq <= ?", (upto,)).rowcount
                    write("COMMIT")
                except BaseException:
                    write("ROLLBACK")
                    raise
        return deleted

    def _number(self, sql: str, *parameters: Any) -> int:
        """The single number asked for; 0 when there is none."""
        return int(self._read(sql, *parameters)[0][0] or 0)

    def _read(self, sql: str, *parameters: Any) -> list[Any]:
        with self._reader_lock:
            return self._reader.execute(sql, parameters).fetchall()

    def close(self) -> None:
        self._reader.close()
        self._writer.close()
