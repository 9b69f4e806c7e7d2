"""Automatic names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from typing import Any

from engine.domain.names.automatic import candidates, generate
from engine.domain.names.containers import check_name


class Scripted(Random):
    """Chooses what it was told to."""

    def __init__(self, *choices: str) -> None:
        super().__init__(0)
        self.choices_left = list(choices)

    def choice(self, seq: Sequence[Any]) -> Any:  # type: ignore[override]
        chosen = self.choices_left.pop(0)
        assert chosen in seq
        return chosen


def test_name_is_an_adjective_and_a_surname() -> None:
    rng = Random(1)
    for _ in range(500):
        name = generate(rng)
        assert re.fullmatch(r"[a-z]+_[a-z]+", name)
        assert check_name(name) == f"/{name}"


def test_wozniak_is_never_boring() -> None:
    assert generate(Scripted("boring", "wozniak", "calm", "wozniak")) == "calm_wozniak"


def test_second_attempt_has_a_digit_and_the_last_is_the_short_id() -> None:
    names = list(candidates(Random(2), "0123456789ab" + "c" * 52))
    assert len(names) == 7
    assert not names[0][-1].isdigit()
    assert all(name[-1].isdigit() for name in names[1:6])
    assert names[6] == "0123456789ab"
