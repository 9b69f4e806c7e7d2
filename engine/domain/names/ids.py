"""IDs of containers, execs and networks, and finding them by their beginnings."""

from __future__ import annotations

import os
from bisect import bisect_left

from engine.errors import SystemFailure

SHORT = 12


def generate() -> str:
    """64 hexadecimal digits whose first twelve are no decimal number (some would take it for one)."""
    while True:
        found = os.urandom(32).hex()
        if not found[:SHORT].isdecimal():
            return found


class IdIndex:
    """IDs in order; a lookup by prefix is a binary search."""

    def __init__(self) -> None:
        self._ids: list[str] = []

    def add(self, id: str) -> None:
        position = bisect_left(self._ids, id)
        if position == len(self._ids) or self._ids[position] != id:
            self._ids.insert(position, id)

    def remove(self, id: str) -> None:
        position = bisect_left(self._ids, id)
        if position < len(self._ids) and self._ids[position] == id:
            del self._ids[position]

    def resolve(self, prefix: str) -> str | None:
        """The only ID that begins so; None if there is none. SystemFailure (dockerd's 500) for several."""
        position = bisect_left(self._ids, prefix)
        found = self._ids[position : position + 2]
        if not prefix or not found or not found[0].startswith(prefix):
            return None
        if len(found) > 1 and found[1].startswith(prefix) and found[0] != prefix:
            raise SystemFailure(f"Multiple IDs found with provided prefix: {prefix}")
        return found[0]
