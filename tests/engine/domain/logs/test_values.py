from __future__ import annotations

import pytest

from engine.domain.logs.values import go_bool, go_duration, integer, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("1s", 1), ("1m30s", 90), ("1.5ms", 0.0015), ("-2h", -7200)]
)
def test_duration_is_read_as_go_does(text: str, seconds: float) -> None:
    assert go_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "1", "x", "1s2", "s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f'time: invalid duration "{text}"'):
        go_duration(text)


def test_sizes_numbers_and_truths() -> None:
    assert parse_size("1k", 1024) == 1024
    assert parse_size("1.5 MiB", 1000) == 1_500_000
    assert integer("-3") == -3
    assert (go_bool("T"), go_bool("0")) == (True, False)
    for wrong in (lambda: integer("-3", signed=False), lambda: go_bool("yes")):
        with pytest.raises(ValueError, match="strconv"):
            wrong()
    with pytest.raises(ValueError, match="invalid size: 'x'"):
        parse_size("x", 1024)
