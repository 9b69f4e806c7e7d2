from __future__ import annotations

import pytest

from engine.domain.images.globs import matches
from engine.errors import InvalidParameter


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("busybox*", "busybox:latest", True),
        ("*", "a/b", False),
        ("*/*", "a/b", True),
        ("b?sybox", "busybox", True),
        ("[a-c]x", "bx", True),
        ("[^a-c]x", "bx", False),
        (r"\*", "*", True),
        ("a.c", "abc", False),
        ("", "", True),
    ],
)
def test_patterns_match_as_gos_do(pattern: str, text: str, *, expected: bool) -> None:
    assert matches(pattern, text) is expected


@pytest.mark.parametrize("pattern", ["[", "[a", "[]a]", "[-x]", "[x-]", "a[", "\\"])
def test_bad_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidParameter, match="syntax error in pattern"):
        matches(pattern, "a")
