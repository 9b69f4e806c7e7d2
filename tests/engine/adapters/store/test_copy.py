from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.store.copy import Copy
from engine.adapters.store.database import Database
from engine.domain.events.messages import Batch, Document, Intent, NewEvent

ONE, TWO = Document("container", "a", 1, b"{}"), Document("volume", "b", 1, b"[]")


class Pair:
    def __init__(self, path: Path) -> None:
        self.first = Database(path / "state.db")
        self.copy = Copy(path / "state.copy.db")

    def commit(self, *batches: Batch) -> None:
        self.first.commit(batches)
        self.copy.follow(batches, self.first)

    def same(self) -> bool:
        return (
            self.first.fingerprints() == self.copy.database.fingerprints()
            and self.first.intents() == self.copy.database.intents()
        )


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path)
    yield made
    made.first.close()
    made.copy.close()


def test_records_and_intents_are_followed_and_events_are_not(pair: Pair) -> None:
    event = NewEvent("container", "create", "a", {})
    pair.commit(Batch().put(ONE).event(event), Batch().put(TWO).open(Intent("start", "a")))
    assert pair.same()
    assert pair.copy.database.head() == 0
    pair.commit(Batch().delete("container", "a").close("start", "a"), Batch().event(event))
    assert pair.same()
    assert pair.copy.find("volume", "b") == TWO
    assert pair.copy.find("container", "a") is None


def test_what_was_missed_is_caught_up(pair: Pair) -> None:
    pair.commit(Batch().put(TWO).open(Intent("exec", "x")))
    pair.first.commit([Batch().put(ONE).delete("volume", "b").close("exec", "x")])
    pair.first.commit([Batch().open(Intent("start", "a")).event(NewEvent("a", "b", "c", {}))])
    assert not pair.same()
    pair.copy.catch_up(pair.first)
    assert pair.same()
    assert pair.copy.content() == ([ONE], [Intent("start", "a")], 1)


def test_failing_copy_harms_nobody_and_catches_up_later(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(batches: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(pair.copy.database, "commit", full)
        pair.commit(Batch().put(ONE))
    assert not pair.same()
    pair.commit(Batch().put(TWO))
    assert pair.same()
