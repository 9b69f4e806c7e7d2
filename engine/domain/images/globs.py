"""Go's path.Match, which reference filters use."""

from __future__ import annotations

import re
from functools import lru_cache

from engine.errors import InvalidParameter

__all__ = ["matches"]


def matches(pattern: str, text: str) -> bool:
    """`*` and `?` stop at a slash. Raises InvalidParameter, as Go, for a pattern that is none."""
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            parts.append("[^/]*")
        elif char == "?":
            parts.append("[^/]")
        elif char == "[":
            piece, at = _class(pattern, at)
            parts.append(piece)
        else:
            literal, at = _literal(pattern, at - 1)
            parts.append(re.escape(literal))
    return re.compile("".join(parts), re.S)


def _literal(pattern: str, at: int) -> tuple[str, int]:
    """One character, escaped or not, and where the next begins."""
    if at < len(pattern) and pattern[at] == "\\":
        at += 1
    if at >= len(pattern):
        raise InvalidParameter("syntax error in pattern")
    return pattern[at], at + 1


def _class(pattern: str, at: int) -> tuple[str, int]:
    negated = pattern[at : at + 1] == "^"
    at += negated
    ranges: list[str] = []
    while not ranges or pattern[at : at + 1] != "]":
        if pattern[at : at + 1] in ("]", "-"):
            raise InvalidParameter("syntax error in pattern")
        low, at = _literal(pattern, at)
        high = low
        if pattern[at : at + 1] == "-":
            high, at = _literal(pattern, at + 1)
        if low <= high:
            ranges.append(f"{re.escape(low)}-{re.escape(high)}")
        else:
            ranges.append("")  # Go takes it, and it matches nothing
    body = "".join(ranges)
    if not body:
        return (r"[^/]" if negated else r"(?!)"), at + 1
    return f"[{'^' if negated else ''}{body}]", at + 1
