from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.store.database import SCHEMA_VERSION, STRIDE, Database, SchemaTooNew
from engine.domain.events.messages import Batch, Document, Intent, NewEvent

DOCUMENT = Document("container", "a", 1, b'{"a":1}')


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = Database(tmp_path / "state.db")
    yield found
    found.close()


def event(action: str = "start", time_ns: int = 1, **attributes: str) -> NewEvent:
    return NewEvent("container", action, "a", attributes, time_ns=time_ns)


def actions(database: Database, after: int = 0) -> list[str]:
    return [each.message().action for each in database.read_events(after, 1000)]


def test_batch_becomes_true_as_a_whole_and_stays_so(tmp_path: Path, database: Database) -> None:
    batch = Batch().put(DOCUMENT).open(Intent("start", "a", {"generation": 2})).event(event())
    ((committed,),) = database.commit([batch])
    assert (committed.seq, committed.time_ns) == (1, 1)
    database.close()
    again = Database(tmp_path / "state.db")
    assert again.load("container") == [DOCUMENT]
    assert again.intents() == [Intent("start", "a", {"generation": 2})]
    assert again.read_events(0, 10) == [committed]
    again.commit([Batch().delete("container", "a").close("start", "a")])
    assert (again.load("container"), again.intents()) == ([], [])
    again.close()


def test_batch_that_is_repeated_changes_nothing_and_tells_nothing_again(
    database: Database,
) -> None:
    batch = Batch().put(DOCUMENT).open(Intent("start", "a")).event(event())
    first = database.commit([batch])
    assert len(first[0]) == 1
    assert database.commit([batch]) == [[]]
    assert actions(database) == ["start"]
    assert len(database.load("container")) == 1


def test_group_is_one_transaction_in_order(database: Database) -> None:
    first = Batch().put(DOCUMENT).event(event("create"))
    second = Batch().delete("container", "a").event(event("destroy"))
    found = database.commit([first, second])
    assert [[each.seq for each in events] for events in found] == [[1], [2]]
    assert database.load("container") == []


def test_one_bad_batch_takes_the_group_with_it(database: Database) -> None:
    bad = Batch().put(Document("container", "b", 1, None))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        database.commit([Batch().put(DOCUMENT).event(event()), bad])
    assert (database.load("container"), database.head()) == ([], 0)
    database.commit([Batch().put(DOCUMENT)])
    assert database.load("container") == [DOCUMENT]


def test_damaged_record_is_set_aside_and_the_rest_is_loaded(
    tmp_path: Path, database: Database
) -> None:
    other = Document("container", "b", 1, b"{}")
    database.commit([Batch().put(DOCUMENT).put(other)])
    with sqlite3.connect(tmp_path / "state.db") as raw:
        raw.execute("UPDATE records SET body=? WHERE id='a'", (b'{"a":2}',))
    raw.close()
    assert database.load("container") == [other]
    assert database.quarantined() == [("container", "a", "checksum mismatch")]
    assert database.load("container") == [other]


def test_record_that_its_room_cannot_read_is_set_aside(database: Database) -> None:
    database.commit([Batch().put(DOCUMENT)])
    database.quarantine("container", "a", "too new", DOCUMENT.body)
    assert database.load("container") == []
    assert database.quarantined() == [("container", "a", "too new")]


def test_kinds_are_kept_apart(database: Database) -> None:
    volume = Document("volume", "a", 1, b"{}")
    database.commit([Batch().put(DOCUMENT).put(volume)])
    database.commit([Batch().open(Intent("start", "a")).open(Intent("commit", "a"))])
    assert database.load("volume") == [volume]
    assert [each.kind for each in database.intents("commit")] == ["commit"]


def test_events_are_found_by_number_and_by_time(database: Database) -> None:
    database.commit([Batch().announce(event(f"a{n}", time_ns=n * 10) for n in range(1, 6))])
    assert actions(database, after=3) == ["a4", "a5"]
    assert [each.seq for each in database.read_events(0, 2)] == [1, 2]
    assert [database.first_seq_since(each) for each in (0, 10, 11, 50, 51)] == [0, 0, 1, 4, 5]


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        ({}, 10),
        ({"keep": 3}, 3),
        ({"newer_than_ns": 80}, 3),
        ({"keep": 3, "newer_than_ns": 100}, 1),
        ({"max_bytes": 1}, 0),
        ({"max_bytes": 1_000_000}, 10),
    ],
)
def test_oldest_events_beyond_any_limit_are_forgotten(
    database: Database, limits: dict[str, int], left: int
) -> None:
    database.commit([Batch().announce(event(time_ns=n * 10) for n in range(1, 11))])
    asked = {"keep": 0, "newer_than_ns": 0, "max_bytes": 0, **limits}
    assert database.prune_events(**asked) == 10 - left
    assert [each.seq for each in database.read_events(0, 100)] == list(range(11 - left, 11))


def test_bytes_are_counted_from_the_newest(database: Database) -> None:
    database.commit([Batch().announce(event(time_ns=n) for n in range(1, 5))])
    size = len(database.read_events(0, 1)[0].body)
    database.prune_events(keep=0, newer_than_ns=0, max_bytes=2 * size)
    assert [each.seq for each in database.read_events(0, 10)] == [3, 4]


def test_numbers_go_on_although_all_events_are_forgotten(database: Database) -> None:
    database.commit([Batch().announce([event(), event()])])
    database.prune_events(keep=0, newer_than_ns=0, max_bytes=1)
    assert (database.read_events(0, 10), database.head()) == ([], 2)
    ((committed,),) = database.commit([Batch().event(event())])
    assert committed.seq == 3


def test_database_of_a_newer_engine_is_refused(tmp_path: Path, database: Database) -> None:
    assert database.meta("schema") == str(SCHEMA_VERSION)
    database.set_meta("schema", str(SCHEMA_VERSION + 1))
    with pytest.raises(SchemaTooNew, match=f"has schema {SCHEMA_VERSION + 1}"):
        Database(tmp_path / "state.db")


def test_durable_batches_are_synced_and_others_are_not(database: Database) -> None:
    def level() -> int:
        found: int = database._writer.execute("PRAGMA synchronous").fetchone()[0]
        return found

    database.commit([Batch(durable=False)])
    assert level() == 1
    database.commit([Batch(durable=False), Batch()])
    assert level() == 2


def test_reads_go_on_beside_a_write(database: Database) -> None:
    database.commit([Batch().event(event())])
    database._writer.execute("BEGIN IMMEDIATE")
    found: list[int] = []
    reader = threading.Thread(target=lambda: found.append(len(database.read_events(0, 10))))
    reader.start()
    reader.join(5)
    database._writer.execute("ROLLBACK")
    assert found == [1]


WRITER = """
import sys
from pathlib import Path
from engine.adapters.store.database import Database
from engine.domain.events.messages import Batch, Document, NewEvent
database = Database(Path(sys.argv[1]))
for n in range(1_000_000):
    body = b'{"n":%d}' % n
    event = NewEvent("container", "start", str(n), {})
    database.commit([Batch(durable=False).put(Document("container", str(n), 1, body)).event(event)])
    print(n, flush=True)
"""


def test_kill_in_the_middle_leaves_whole_batches_and_all_that_were_acknowledged(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.db"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    acknowledged = [int(writer.stdout.readline()) for _ in range(50)]
    os.kill(writer.pid, signal.SIGKILL)
    rest = writer.stdout.read().split()
    writer.wait(10)
    writer.stdout.close()
    database = Database(path)
    records = {int(each.id) for each in database.load("container")}
    told = {int(each.message().actor.id) for each in database.read_events(0, 1_000_000)}
    database.close()
    assert records == told
    assert records >= {*acknowledged, *(int(each) for each in rest)}


def test_last_before_a_time_is_found(database: Database) -> None:
    database.commit([Batch().announce(event(time_ns=n) for n in (10, 99, 20, 30))])
    assert [database.last_seq_before(each) for each in (10, 11, 25, 40, 100)] == [0, 1, 3, 4, 4]


@pytest.mark.parametrize(
    ("times", "left"),
    [
        # one from a clock that was ahead does not keep what is old
        ((-90, 900, -80, -5, -4), 2),
        # one from a clock that was behind does not drag the fresh along
        ((-90, -5, -900, -4), 3),
        # nothing but rows of the time to come: the clock has been put right just now
        ((500, 600), 2),
        ((-90, 500, 600), 2),
    ],
)
def test_clock_that_was_wrong_forgets_nothing_fresh(
    database: Database, times: tuple[int, ...], left: int
) -> None:
    now = time.time_ns()
    database.commit([Batch().announce(event(time_ns=now + n * 10**9) for n in times)])
    database.prune_events(keep=0, newer_than_ns=now - 60 * 10**9, max_bytes=0)
    assert len(database.read_events(0, 10)) == left


def test_what_was_forgotten_is_known_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "again.db"
    database = Database(path)
    database.commit([Batch().announce(event() for _ in range(STRIDE + 5))])
    assert database.forgotten() == 0
    assert database.prune_events(keep=2, newer_than_ns=0, max_bytes=0) == STRIDE + 3
    assert database.forgotten() == STRIDE + 3
    database.close()
    again = Database(path)
    assert again.forgotten() == STRIDE + 3
    again.close()


def transition(action: str, container: str, time_ns: int = 1) -> NewEvent:
    return NewEvent("container", action, container, {"name": "web"}, time_ns=time_ns)


def kept(database: Database, text: str = '"name":"web"') -> list[tuple[int, str]]:
    found = [(each.seq, each.message()) for each in database.history(text)]
    return [(seq, f"{message.action} {message.actor.id}") for seq, message in found]


def test_transitions_outlive_the_log_and_nothing_is_told_twice(database: Database) -> None:
    told = [
        transition("create", "c1"),
        transition("exec_start: sh", "c1"),
        transition("health_status: healthy", "c1"),
        NewEvent("network", "connect", "n", {"name": "web"}),
        transition("die", "c1"),
        transition("start", "c2"),
    ]
    database.commit([Batch().announce(told)])
    assert len(kept(database)) == 6
    database.prune_events(keep=1, newer_than_ns=0, max_bytes=0)
    assert kept(database) == [
        (1, "create c1"),
        (3, "health_status: healthy c1"),
        (5, "die c1"),
        (6, "start c2"),
    ]
    assert kept(database, "c2") == [(6, "start c2")]
    assert kept(database, "c3") == []


def test_timeline_goes_a_while_after_its_container(database: Database) -> None:
    living = Document("container", "living", 1, b"{}")
    told = [transition("die", each, at) for each, at in (("old", 5), ("living", 5), ("new", 50))]
    database.commit([Batch().put(living).announce(told), Batch().event(event())])
    database.prune_events(keep=1, newer_than_ns=0, max_bytes=0)
    assert database.prune_timelines(newer_than_ns=10, most=100) == 1
    assert [text for _, text in kept(database)] == ["die living", "die new"]


def test_timeline_of_a_living_container_keeps_its_end(database: Database) -> None:
    database.commit([Batch().announce(transition("start", "c1", n) for n in range(1, 6))])
    database.commit([Batch().event(event())])
    database.prune_events(keep=1, newer_than_ns=0, max_bytes=0)
    assert database.prune_timelines(newer_than_ns=0, most=2) == 3
    assert [seq for seq, _ in kept(database)] == [4, 5]
