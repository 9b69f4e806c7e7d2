from __future__ import annotations

from typing import Any

import pytest

from demo.checks import CheckFailed
from demo.steps.ending import compare_events, remove_containers, stop_daemon
from tests.demo.theatre import Theatre


def event(action: str, **more: Any) -> dict[str, Any]:
    actor = {"ID": "f" * 64, "Attributes": {"name": "web"}}
    return {"Type": "container", "Action": action, "Actor": actor, **more}


def test_containers_are_removed_to_the_last() -> None:
    theatre = Theatre(created={"web": {}, "clock": {}})
    remove_containers(theatre.scene)
    assert "POST /containers/web/stop?t=0" in theatre.api.asked
    theatre = Theatre(created={"web": {}, "clock": {}, "forgotten": {}})
    with pytest.raises(CheckFailed):
        remove_containers(theatre.scene)


def test_events_must_be_those_of_the_log_in_full() -> None:
    theatre = Theatre()
    theatre.events.live = theatre.events.logged = [event("create"), event("die")]
    theatre.events.running = True
    assert compare_events(theatre.scene).startswith("2 events came live")
    assert not theatre.events.running
    for logged in ([event("create")], [event("create"), event("die", time=1)]):
        theatre.events.logged = logged
        with pytest.raises(CheckFailed):
            compare_events(theatre.scene)


def test_daemon_ends_well_and_leaves_nothing() -> None:
    theatre = Theatre()
    assert "is left" in stop_daemon(theatre.scene)
    assert theatre.stage.struck
    theatre.stage.exit_code = 1
    with pytest.raises(CheckFailed):
        stop_daemon(theatre.scene)


def test_what_a_daemon_leaves_fails_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    theatre = Theatre()
    theatre.stage.leftovers = ["a mount"]
    monkeypatch.setattr("demo.steps.ending.eventually", lambda what, wanted, get, holds: get())
    with pytest.raises(CheckFailed):
        stop_daemon(theatre.scene)
