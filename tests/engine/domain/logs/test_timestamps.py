"""Timestamps go to Go's texts and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.logs.timestamps import format_fixed, format_nano, parse


@given(st.integers(0, 4_000_000_000 * 10**9))
def test_times_survive_both_formats(ns: int) -> None:
    assert parse(format_nano(ns)) == ns
    assert parse(format_fixed(ns)) == ns


def test_trailing_zeros_are_dropped_in_files_only() -> None:
    ns = 1_795_491_946_801_000_000
    assert format_nano(ns) == "2026-11-24T03:45:46.801Z"
    assert format_nano(1_795_491_946 * 10**9) == "2026-11-24T03:45:46Z"
    assert format_fixed(ns) == "2026-11-24T03:45:46.801000000Z"


def test_other_zones_are_understood() -> None:
    assert parse("2026-11-24T05:45:46.5+02:00") == 1_795_491_946_500_000_000


@pytest.mark.parametrize("text", ["", "Z", "x" * 20, "2026-11-24T05:45:46", "2026-11-24"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse(text)
