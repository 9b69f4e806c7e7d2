"""A damaged state costs nothing that its copy knows, and never the start."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from engine.adapters.store.database import Database
from engine.adapters.store.opening import (
    COPY,
    QUARANTINE,
    STATE,
    SUSPECT,
    mark_suspect,
    open_state,
)
from engine.domain.events.messages import Batch, Document, Intent, NewEvent

DOCUMENTS = [Document("container", f"c{n:03}", 1, b'{"n": "%d"}' % n * 40) for n in range(60)]
INTENT = Intent("start", "c001")


def filled(path: Path) -> None:
    state = open_state(path)
    event = NewEvent("container", "create", "a", {})
    batch = Batch(puts=list(DOCUMENTS)).open(INTENT).event(event)
    state.database.commit([batch])
    assert state.copy is not None
    state.copy.follow([batch], state.database)
    state.copy.catch_up(state.database)
    state.close()


def damage(path: Path, how: str, seed: int = 1) -> None:
    content = bytearray(path.read_bytes())
    if how == "empty":
        content = bytearray()
    elif how == "truncated":
        del content[len(content) // 2 :]
    elif how == "zeroed":
        content = bytearray(len(content))
    elif how == "holed":
        content[4096:8192] = bytes(4096)
    else:
        content[random.Random(seed).randrange(len(content))] ^= 1 << (seed % 8)
    path.write_bytes(content)


HOWS = ["empty", "truncated", "zeroed", "holed"]


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("name", [STATE, COPY])
def test_damaged_database_is_set_aside_and_made_anew(tmp_path: Path, name: str, how: str) -> None:
    filled(tmp_path)
    damage(tmp_path / name, how)
    state = open_state(tmp_path)
    try:
        assert state.database.load("container") == DOCUMENTS
        assert state.database.intents() == [INTENT]
        state.database.check()
        if name == STATE:
            (repair,) = state.repairs
            assert (repair.what, repair.restored) == (STATE, len(DOCUMENTS))
            assert Path(repair.moved_to).parent == tmp_path / QUARANTINE
            assert Path(repair.moved_to).exists()
            (told,) = state.database.commit([Batch().event(NewEvent("a", "b", "c", {}))])
            assert told[0].seq > 1_000_000
    finally:
        state.close()
    again = open_state(tmp_path)
    assert again.repairs == []
    assert again.database.load("container") == DOCUMENTS
    again.close()


@pytest.mark.parametrize("name", [STATE, COPY])
def test_any_flipped_bit_costs_no_record(tmp_path: Path, name: str) -> None:
    filled(tmp_path)
    sound = (tmp_path / name).read_bytes()
    for seed in range(60):
        for suffix in ("-wal", "-shm"):
            (tmp_path / (name + suffix)).unlink(missing_ok=True)
        (tmp_path / name).write_bytes(sound)
        damage(tmp_path / name, "flipped", seed)
        state = open_state(tmp_path)
        assert {each.id: each for each in state.database.load("container")} == {
            each.id: each for each in DOCUMENTS
        }, seed
        state.close()


def test_record_that_has_no_copy_is_quarantined_alone(tmp_path: Path) -> None:
    filled(tmp_path)
    for name in (STATE, COPY):
        raw = sqlite3.connect(tmp_path / name)
        with raw:
            raw.execute("UPDATE records SET body=? WHERE id='c005'", (b"{}",))
        raw.close()
    state = open_state(tmp_path)
    assert [each.id for each in state.database.load("container")] == [
        each.id for each in DOCUMENTS if each.id != "c005"
    ]
    assert state.database.damaged("container") == {"c005"}
    (repair,) = state.repairs
    assert (repair.what, repair.restored) == ("container c005", 0)
    state.close()


def test_record_under_a_wrong_name_is_found_out(tmp_path: Path) -> None:
    filled(tmp_path)
    raw = sqlite3.connect(tmp_path / STATE)
    with raw:
        raw.execute("UPDATE records SET id='other' WHERE id='c005'")
    raw.close()
    state = open_state(tmp_path)
    assert state.database.load("container") == DOCUMENTS
    state.close()


def test_suspect_state_is_checked_however_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []
    monkeypatch.setattr(Database, "check", lambda self: checked.append(self.path.name))
    monkeypatch.setattr("engine.adapters.store.opening.CHECKED_BYTES", 0)
    open_state(tmp_path).close()
    assert STATE not in checked
    mark_suspect(tmp_path)
    open_state(tmp_path).close()
    assert STATE in checked
    assert not (tmp_path / SUSPECT).exists()


def test_outage_is_not_taken_for_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path)

    def full(self: Database) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    monkeypatch.setattr(Database, "check", full)
    with pytest.raises(sqlite3.OperationalError):
        open_state(tmp_path)
    assert not (tmp_path / QUARANTINE).exists()
