from __future__ import annotations

import pytest

from engine.domain.events.filters import EventFilter
from engine.errors import InvalidParameter
from tests.fakes.event_log import numbered

WEB = {"name": "web", "image": "busybox:latest", "env": "prod"}


def matches(filters: dict[str, list[str]], **event: object) -> bool:
    parts: dict[str, object] = {"actor_id": "abcdef", "attributes": WEB}
    return EventFilter(filters).matches(numbered(1, **{**parts, **event}))


@pytest.mark.parametrize(
    ("filters", "held"),
    [
        ({}, True),
        ({"type": []}, True),
        ({"event": ["start"]}, True),
        ({"event": ["stop", "start"]}, True),
        ({"event": ["stop"]}, False),
        ({"type": ["container"]}, True),
        ({"type": ["image"]}, False),
        ({"container": ["web"]}, True),
        ({"container": ["abc"]}, True),
        ({"container": ["db"]}, False),
        ({"image": ["busybox:latest"]}, True),
        ({"image": ["busybox"]}, True),
        ({"image": ["alpine"]}, False),
        ({"image": [""]}, False),
        ({"label": ["env"]}, True),
        ({"label": ["env=prod", "name=web"]}, True),
        ({"label": ["env=test"]}, False),
        ({"scope": ["local"]}, True),
        ({"scope": ["swarm"]}, False),
        ({"network": ["abc"]}, False),
        ({"container": ["web"], "event": ["stop"]}, False),
    ],
)
def test_values_are_alternatives_and_names_all_must_hold(
    filters: dict[str, list[str]], held: bool
) -> None:
    assert matches(filters) is held


@pytest.mark.parametrize(
    ("wanted", "action", "held"),
    [
        ("exec_create", "exec_create: sh -c true", True),
        ("exec_create: sh -c true", "exec_create: sh -c true", True),
        ("exec_start", "exec_create: sh", False),
        ("health_status", "health_status: healthy", True),
        ("die", "die: x", False),
    ],
)
def test_actions_with_a_tail_are_matched_by_their_beginning(
    wanted: str, action: str, held: bool
) -> None:
    assert matches({"event": [wanted]}, action=action) is held


@pytest.mark.parametrize(
    ("wanted", "held"),
    [
        ("registry:5000/app:v1", True),
        ("registry:5000/app", True),
        ("registry", False),
        ("sha256:1", True),
    ],
)
def test_image_is_told_by_its_name_with_or_without_a_tag_and_by_its_id(
    wanted: str, held: bool
) -> None:
    attributes = {"name": "registry:5000/app:v1"}
    event = {"type": "image", "actor_id": "sha256:1", "attributes": attributes}
    assert matches({"image": [wanted]}, **event) is held


def test_unknown_name_is_refused() -> None:
    with pytest.raises(InvalidParameter, match=r"^invalid filter 'colour'$"):
        EventFilter({"colour": ["red"]})
