"""Finds a full ID by its beginning."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping

from engine.domain.names.containers import stored
from engine.errors import InvalidParameter, NotFound, SystemFailure


class IdIndex:
    """A sorted list of IDs. A few thousand of them are searched in about a microsecond."""

    def __init__(self, kind: str = "container", ids: Iterable[str] = ()) -> None:
        self._kind = kind
        self._ids = sorted(set(ids))

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __contains__(self, identity: object) -> bool:
        return isinstance(identity, str) and self._at(identity) is not None

    def add(self, identity: str) -> None:
        """Adding an ID twice is once."""
        if identity not in self:
            insort(self._ids, identity)

    def remove(self, identity: str) -> None:
        """Removing an ID that is not there is nothing."""
        position = self._at(identity)
        if position is not None:
            del self._ids[position]

    def resolve(self, text: str, names: Mapping[str, str] | None = None) -> str:
        """The full ID for an ID, a name (`names` maps `/name` to ID) or an ID's beginning.

        In that order, so a container whose name is the beginning of another's ID is found by name.
        Raises NotFound, or SystemFailure when several match (500, as dockerd answers).
        """
        if not text:
            raise InvalidParameter('invalid name or ID supplied: ""')
        if text in self:
            return text
        named = (names or {}).get(stored(text))
        return self.prefix(text) if named is None else named

    def prefix(self, text: str) -> str:
        """The one ID that begins with the text."""
        position = bisect_left(self._ids, text)
        found = [i for i in self._ids[position : position + 2] if text and i.startswith(text)]
        if len(found) > 1:
            raise SystemFailure(f"Multiple IDs found with provided prefix: {text}")
        if not found:
            raise NotFound(f"No such {self._kind}: {text}")
        return found[0]

    def _at(self, identity: str) -> int | None:
        position = bisect_left(self._ids, identity)
        there = position < len(self._ids) and self._ids[position] == identity
        return position if there else None
