"""Go's path.Match, which reference filters use."""

from __future__ import annotations

import re
from functools import lru_cache

from engine.errors import InvalidParameter

__all__ = ["matches"]

STAR = "[^/]*"


def matches(pattern: str, text: str) -> bool:
    """`*` and `?` stop at a slash. Raises InvalidParameter, as Go, for a pattern that is none."""
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(_joined(_parts(pattern)), re.S)


def _joined(parts: list[str]) -> str:
    """A star takes as little as lets what is between it and the next one match, and never tries more.

    So does Go. Without the atomic groups, a pattern of many stars would be tried in all ways there are.
    """
    out, at = "", 0
    while at < len(parts):
        if parts[at] != STAR:
            out += parts[at]
            at += 1
            continue
        end = at + 1
        while end < len(parts) and parts[end] not in (STAR, "/"):
            end += 1
        between = "".join(parts[at + 1 : end])
        lazy = "?" if end < len(parts) and parts[end] == STAR else ""
        out += f"(?>{STAR}{lazy}{between})"
        at = end
    return out


def _parts(pattern: str) -> list[str]:
    """What each stands for one character, but for the stars."""
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            parts.append(STAR)
        elif char == "?":
            parts.append("[^/]")
        elif char == "[":
            piece, at = _class(pattern, at)
            parts.append(piece)
        else:
            literal, at = _literal(pattern, at - 1)
            parts.append(re.escape(literal))
    return parts


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
