from __future__ import annotations

import pytest

from engine.domain.images.times import go_duration, rfc3339, unix_nanoseconds
from engine.errors import InvalidParameter


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [("5s", 5 * 10**9), ("1h30m", 5400 * 10**9), ("1.5ms", 1_500_000), ("-2m", -120 * 10**9), ("0", 0)],
)  # fmt: skip
def test_durations_are_read_as_go_does(text: str, nanoseconds: int) -> None:
    assert go_duration(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "invalid"), ("x", "invalid"), ("5", "missing unit in"), ("5x", 'unknown unit "x" in')],
)
def test_bad_duration_says_why(text: str, reason: str) -> None:
    with pytest.raises(InvalidParameter, match=f"time: {reason} duration"):
        go_duration(text)


def test_times_keep_their_nanoseconds() -> None:
    text = "2026-11-24T03:41:23.39821906Z"
    moment = unix_nanoseconds(text)
    assert moment == 1795491683398219060
    assert rfc3339(moment) == text
    assert unix_nanoseconds("2026-11-24T04:41:23.39821906+01:00") == moment


@pytest.mark.parametrize("text", [None, "", "0001-01-01T00:00:00Z", "2026-13-01T00:00:00Z", "now"])
def test_no_time_is_none(text: str | None) -> None:
    assert unix_nanoseconds(text) is None
