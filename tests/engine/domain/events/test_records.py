from __future__ import annotations

import json

import pytest

from engine.domain.events.messages import NewEvent
from engine.domain.events.records import Event, body_of

NS = 1_700_000_000_123_456_789


def body(type: str, **attributes: str) -> bytes:
    return body_of(NewEvent(type, "pull", "the id", attributes, time_ns=NS))


def test_event_is_one_line_as_dockerd_prints_it() -> None:
    printed = body("container", image="busybox", name="web")
    assert b"\n" not in printed
    assert json.loads(printed) == {
        "status": "pull",
        "id": "the id",
        "from": "busybox",
        "Type": "container",
        "Action": "pull",
        "Actor": {"ID": "the id", "Attributes": {"image": "busybox", "name": "web"}},
        "scope": "local",
        "time": 1_700_000_000,
        "timeNano": NS,
    }


@pytest.mark.parametrize(
    ("type", "old"),
    [("container", {"status", "id", "from"}), ("image", {"status", "id"}), ("network", set())],
)
def test_members_for_clients_of_old_are_only_where_dockerd_has_them(
    type: str, old: set[str]
) -> None:
    assert {"status", "id", "from"} & json.loads(body(type, image="busybox")).keys() == old


def test_committed_event_is_read_back() -> None:
    message = Event(7, NS, body("container", image="busybox")).message()
    assert (message.type, message.action, message.actor.id) == ("container", "pull", "the id")
    assert message.time_nano == NS
