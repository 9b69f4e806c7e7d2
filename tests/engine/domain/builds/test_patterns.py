from __future__ import annotations

import random
import re
import time

import pytest

from engine.domain.builds.patterns import Pattern
from engine.errors import InvalidParameter


def as_dockerd(pattern: str) -> str:
    """The regular expression that dockerd makes of a pattern."""
    out, at = "", 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*" and pattern[at : at + 1] == "*":
            at += 1
            at += pattern[at : at + 1] == "/"
            out += ".*" if at == len(pattern) else "(.*/)?"
        elif char == "*":
            out += "[^/]*"
        elif char == "?":
            out += "[^/]"
        else:
            out += re.escape(char)
    return out


def test_patterns_are_the_regular_expressions_that_dockerd_makes_of_them() -> None:
    chance = random.Random(11)
    met = 0
    for _ in range(20_000):
        pattern = "".join(chance.choices("ab/*?", (3, 2, 3, 5, 1), k=chance.randint(1, 8)))
        path = "".join(chance.choices("ab/", k=chance.randint(1, 7)))
        wanted = re.fullmatch(as_dockerd(pattern), path, re.S) is not None
        assert Pattern(pattern).matches(path) == wanted, (pattern, path)
        met += wanted
    assert met > 1000


@pytest.mark.parametrize(
    ("pattern", "path", "met"),
    [
        ("a[bc]d", "abd", True),
        ("a[^bc]d", "abd", False),
        ("a[b-d]", "ac", True),
        (r"a\*", "a*", True),
        (r"a\*", "ab", False),
        ("a.b", "axb", False),
    ],
)
def test_classes_and_escapes(pattern: str, path: str, met: bool) -> None:
    assert Pattern(pattern).matches(path) is met


@pytest.mark.parametrize("pattern", ["[", "a[b", "[b-a]", "[]"])
def test_what_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidParameter, match="syntax error in pattern"):
        Pattern(pattern)


@pytest.mark.parametrize("piece", ["*a", "**/a*", "*?", "****/"])
def test_many_stars_take_no_longer_than_their_length(piece: str) -> None:
    began = time.process_time()
    assert not Pattern(piece * 2000 + "b").matches("a/" * 500 + "a" * 500)
    assert time.process_time() - began < 5
