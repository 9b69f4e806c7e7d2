from __future__ import annotations

import json

import msgspec
import pytest

from engine.domain.containers.restoring import Progress
from engine.domain.system.health import Health, judge
from engine.domain.system.vigil import Answer
from supervisors import MailboxStats, Node, State

NONE = Progress(0, 0, [])


def node(name: str, state: State = "running", *children: Node, **more: object) -> Node:
    return Node(name=name, state=state, since=10.0, children=children, **more)  # type: ignore[arg-type]


def health(*children: Node, state: State = "running", **answers: Answer) -> Health:
    return judge(node("root", state, *children), answers, NONE)


def box(last_success: float | None) -> MailboxStats:
    return MailboxStats(name="x", depth=0, capacity=1, peak=0, dropped=0, last_success=last_success)


def test_all_is_well() -> None:
    found = health(node("store", mailboxes=(box(None), box(17.0))), node("api"))
    assert (found.state, found.started, found.serves) == ("ok", True, True)
    assert [(each.name, each.last_success) for each in found.subsystems] == [
        ("store", 17.0),
        ("api", None),
    ]


@pytest.mark.parametrize(
    ("state", "becomes", "serves"),
    [
        ("running", "ok", True),
        ("stopped", "ok", True),
        ("starting", "starting", False),
        ("restarting", "degraded", True),
        ("stopping", "degraded", True),
        ("quarantined", "failed", False),
        ("failed", "failed", False),
    ],
)
def test_state_follows_the_tree(state: State, becomes: str, *, serves: bool) -> None:
    found = health(node("images", state, last_error="KeyError: 'x'", restarts=2), node("api"))
    assert (found.subsystems[0].state, found.state, found.serves) == (becomes, becomes, serves)
    assert found.subsystems[0].restarts == 2
    assert found.subsystems[0].reason == ("" if becomes == "ok" else "KeyError: 'x'")


def test_one_container_set_aside_does_not_fail_the_engine() -> None:
    cell = node("0123456789ab", "quarantined", last_error="ValueError: y", restarts=11)
    found = health(node("containers", "running", node("service"), cell))
    (containers,) = found.subsystems
    assert (containers.state, containers.restarts) == ("degraded", 11)
    assert containers.reason == "0123456789ab is quarantined: ValueError: y"
    assert found.serves


def test_outage_fails_what_the_tree_keeps_up() -> None:
    away = Answer(well=False, since=42.0, reason="no answer within 2 s", last_success=40.0)
    found = health(node("runtime", "running", node("containerd")), runtime=away)
    (runtime,) = found.subsystems
    assert (runtime.state, runtime.reason, runtime.since) == (
        "failed",
        "no answer within 2 s",
        42.0,
    )
    assert runtime.last_success == 40.0
    assert not found.serves


def test_tree_that_comes_up_has_not_started() -> None:
    found = health(node("store"), state="starting")
    assert (found.state, found.started) == ("starting", False)


def test_it_is_json() -> None:
    told = json.loads(msgspec.json.encode(health(node("store"))))
    assert told["subsystems"][0] == {
        "name": "store",
        "state": "ok",
        "reason": "",
        "since": 10.0,
        "last_success": None,
        "restarts": 0,
    }
    assert told["restore"] == {"total": 0, "done": 0, "slowest": []}
