from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from demo import watch
from demo.checks import CheckFailed
from demo.watch import EventWatch, described, label_of, matches


def event(action: str, number: int, **attributes: str) -> dict[str, Any]:
    return {
        "Type": "container",
        "Action": action,
        "Actor": {"ID": "f" * 64, "Attributes": {"name": "web", **attributes}},
        "time": 1_700_000_000,
        "timeNano": 1_700_000_000_000_000_000 + number,
    }


CREATE, START = event("create", 1), event("start", 2)
EXEC, DIE = event("exec_create: sh -c 'exit 3'", 3), event("die", 4, exitCode="3")


class FakeLines:
    """A stream that breaks after its events, or stays open until it is stopped."""

    def __init__(self, events: list[dict[str, Any]], *, breaks: bool = False) -> None:
        self._events = events
        self._breaks = breaks
        self._stopped = threading.Event()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        yield from self._events
        if self._breaks:
            raise ConnectionResetError
        self._stopped.wait(10)

    def stop(self) -> None:
        self._stopped.set()


class FakeApi:
    """Gives one stream after the other, and keeps what was asked."""

    def __init__(self, *streams: FakeLines) -> None:
        self._streams = list(streams)
        self.asked: list[str] = []

    def lines(self, path: str) -> FakeLines:
        self.asked.append(path)
        return self._streams.pop(0)


def watching(*streams: FakeLines) -> tuple[EventWatch, FakeApi, list[str]]:
    api, shown = FakeApi(*streams), list[str]()
    found = EventWatch(api, shown.append)  # type: ignore[arg-type]
    found.start()
    return found, api, shown


def test_label_has_the_action_without_its_command() -> None:
    assert label_of(EXEC) == "container exec_create web"


def test_label_without_a_name_has_the_short_id() -> None:
    bare = {**DIE, "Actor": {"ID": "sha256:" + "ab" * 32, "Attributes": {}}}
    assert label_of(bare) == "container die abababababab"


def test_description_shows_command_and_exit_code() -> None:
    assert described(EXEC).endswith("web          exec_create: sh -c 'exit 3'")
    assert described(DIE).endswith("web          die exitCode=3")


def test_a_wanted_label_may_leave_the_name_open() -> None:
    assert matches("image import 123", "image import")
    assert not matches("image imported 123", "image import")


def test_expected_events_are_found_in_order_with_others_between() -> None:
    found, _, shown = watching(FakeLines([CREATE, START, EXEC, DIE]))
    found.expect(["container create web", "container exec_create web"])
    found.expect(["container die web"])
    found.close()
    assert (found.seen(), len(shown)) == ([CREATE, START, EXEC, DIE], 4)


def test_events_in_another_order_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "PATIENCE_SECONDS", 0.05)
    found, _, _ = watching(FakeLines([START, CREATE]))
    with pytest.raises(CheckFailed) as failure:
        found.expect(["container create web", "container start web"])
    found.close()
    assert failure.value.got == ["container start web", "container create web"]


def test_a_broken_stream_goes_on_from_the_last_event_without_repeating_it() -> None:
    found, api, _ = watching(FakeLines([CREATE, START], breaks=True), FakeLines([START, DIE]))
    found.expect(["container die web"])
    found.close()
    assert found.seen() == [CREATE, START, DIE]
    assert api.asked[1] == "/events?since=1700000000.000000002"
    assert found.connections == 2
