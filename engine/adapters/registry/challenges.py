"""WWW-Authenticate: what a registry wants to see."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

__all__ = ["Challenge", "choose", "parse_challenges"]

# A scheme, or a parameter; quoted values may hold commas (scope="repository:a:pull,push").
_TOKEN = re.compile(
    r"""\s*,?\s*(?:(?P<name>[\w.-]+)\s*=\s*(?:"(?P<quoted>(?:\\.|[^"\\])*)"|(?P<plain>[^\s,"]+))"""
    r"""|(?P<scheme>[\w.-]+)(?=\s|,|$))"""
)


class Challenge(msgspec.Struct, frozen=True):
    """`scheme` is in lower case."""

    scheme: str
    parameters: dict[str, str] = msgspec.field(default_factory=dict)


def parse_challenges(headers: Iterable[str]) -> list[Challenge]:
    """Those of all headers; what cannot be read ends a header."""
    found: list[Challenge] = []
    for header in headers:
        at = 0
        while match := _TOKEN.match(header, at):
            at = match.end()
            if match["scheme"] is not None:
                found.append(Challenge(match["scheme"].lower()))
            elif found:
                value = match["plain"] or re.sub(r"\\(.)", r"\1", match["quoted"] or "")
                found[-1].parameters[match["name"].lower()] = value
    return found


def choose(challenges: Iterable[Challenge]) -> Challenge | None:
    """Bearer before basic, as dockerd's handlers stand."""
    known = {each.scheme: each for each in reversed(list(challenges))}
    return known.get("bearer") or known.get("basic")
