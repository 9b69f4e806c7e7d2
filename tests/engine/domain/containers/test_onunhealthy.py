from __future__ import annotations

import pytest

from engine.domain.containers.onunhealthy import Reaction, parse, switches
from engine.errors import InvalidParameter


def test_label_is_an_action_and_perhaps_how_often() -> None:
    assert parse("") == Reaction("none", None)
    assert parse("restart:3") == Reaction("restart", 3)
    assert parse("stop") == Reaction("stop", None)


@pytest.mark.parametrize("text", ["panic", "restart:", "restart:-1", "restart:x"])
def test_other_labels_are_refused(text: str) -> None:
    with pytest.raises(InvalidParameter, match=r"invalid label trimaran\.on-unhealthy="):
        parse(text)


def test_switches_are_the_labels_of_ours() -> None:
    assert switches({"a": "b", "trimaran.on-unhealthy": "kill"}) == {
        "trimaran.on-unhealthy": "kill"
    }
