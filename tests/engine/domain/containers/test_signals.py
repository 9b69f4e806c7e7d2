from __future__ import annotations

import pytest

from engine.domain.containers.signals import parse_signal
from engine.errors import InvalidParameter


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("TERM", 15),
        ("sigterm", 15),
        ("SIGKILL", 9),
        ("15", 15),
        ("SIGRTMIN+3", 37),
        ("RTMAX-1", 63),
    ],
)
def test_names_and_numbers(text: str, number: int) -> None:
    assert parse_signal(text) == number


@pytest.mark.parametrize("text", ["SIGFOO", "", "0", "-1", "RTMIN+99", "RTMAX+1", "RTMIN+x"])
def test_others_are_refused(text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        parse_signal(text)
    assert str(caught.value) == f"Invalid signal: {text}"
