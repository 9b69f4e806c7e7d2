from __future__ import annotations

from contextlib import ExitStack

import pytest

from engine.domain.containers import restoring
from engine.domain.containers.restoring import SLOWEST, Restoring


def test_progress_counts_and_names_the_slowest(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(restoring.time, "monotonic", lambda: now)
    found = Restoring()
    assert (found.progress().total, found.progress().done) == (0, 0)
    found.expect((f"id{n}", f"name{n}") for n in range(8))
    with ExitStack() as under_way:
        for n in range(7):
            with ExitStack() as one:
                one.enter_context(found.looking_at(f"id{n}"))
                now += n
        under_way.enter_context(found.looking_at("id7"))
        now += 4.5
        progress = found.progress()
        assert (progress.total, progress.done) == (8, 7)
        assert [(each.id, each.seconds, each.done) for each in progress.slowest] == [
            ("id6", 6, True),
            ("id5", 5, True),
            ("id7", 4.5, False),
            ("id4", 4, True),
            ("id3", 3, True),
        ]
        assert len(progress.slowest) == SLOWEST
        assert progress.slowest[2].name == "name7"
    assert found.progress().done == 8


def test_one_that_failed_is_not_waited_for() -> None:
    found = Restoring()
    found.expect([("a", "a")])
    with pytest.raises(ZeroDivisionError), found.looking_at("a"):
        raise ZeroDivisionError
    assert found.progress().done == 1
