"""The containers in memory: every record's newest committed form, by ID and by name.

Reads take what is here without waiting; "no await in between" makes them consistent.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.domain.containers.cell import Cell
from engine.domain.names import IdIndex, in_use, stored
from engine.errors import NotFound


class Registry:
    """Names are reserved before the record is committed, so that two creates never share one."""

    def __init__(self) -> None:
        self._cells: dict[str, Cell] = {}
        self._names: dict[str, str] = {}
        self._ids = IdIndex()

    def __iter__(self) -> Iterator[Cell]:
        """Newest first, as listings are."""
        return iter(
            sorted(self._cells.values(), key=lambda cell: cell.record.created_ns, reverse=True)
        )

    def __len__(self) -> int:
        return len(self._cells)

    def reserve(self, name: str, container_id: str) -> None:
        """Conflict with dockerd's text (clients match it) when another container has the name."""
        owner = self._names.setdefault(stored(name), container_id)
        if owner != container_id:
            raise in_use(name, owner)

    def release(self, name: str, container_id: str) -> None:
        if self._names.get(stored(name)) == container_id:
            del self._names[stored(name)]

    def add(self, cell: Cell) -> None:
        self._names[stored(cell.record.name)] = cell.record.id
        self._cells[cell.record.id] = cell
        self._ids.add(cell.record.id)

    def discard(self, container_id: str) -> None:
        cell = self._cells.pop(container_id, None)
        if cell is not None:
            self._ids.remove(container_id)
            self.release(cell.record.name, container_id)

    def get(self, container_id: str) -> Cell | None:
        return self._cells.get(container_id)

    def knows(self, container_id: str) -> bool:
        """Also a container whose creation is under way."""
        return container_id in self._cells or container_id in self._names.values()

    def ids(self) -> list[str]:
        """Of all containers, also of those whose creation is under way."""
        return [*self._cells, *self._names.values()]

    def resolve(self, reference: str) -> Cell:
        """By exact ID, exact name, then unique ID prefix (row 3)."""
        found = self._ids.resolve(reference, self._names)
        cell = self._cells.get(found)
        if cell is None:  # the name is reserved, the container is not committed yet
            raise NotFound(f"No such container: {reference}")
        return cell

    def by_short_id(self, short_id: str) -> Cell | None:
        """By the first 12 characters of an ID."""
        try:
            return self._cells[self._ids.prefix(short_id)]
        except NotFound:
            return None
