from __future__ import annotations

from engine.domain.events.messages import Batch, Document, Intent, NewEvent


def event() -> NewEvent:
    return NewEvent("container", "start", "id", {})


def test_batch_gathers_what_becomes_true_together() -> None:
    document, intent = Document("container", "id", 1, b"{}"), Intent("start", "id")
    first, second = event(), event()
    batch = Batch(durable=False).put(document).delete("volume", "v").open(intent)
    batch.close("stop", "id").event(first).announce([second])
    assert (batch.puts, batch.deletes) == ([document], [("volume", "v")])
    assert (batch.opens, batch.closes) == ([intent], [("stop", "id")])
    assert batch.events == [first, second]
    assert not batch.durable


def test_batches_share_nothing() -> None:
    Batch().event(event())
    assert Batch().events == []


def test_events_are_told_apart_unless_they_can_be_only_once() -> None:
    assert event().key != event().key
    assert event().once("die 1").key == event().once("die 1").key
