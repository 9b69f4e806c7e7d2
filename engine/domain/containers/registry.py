"""The containers in memory: every record's newest committed form, by ID and by name.

Reads take what is here without waiting; "no await in between" makes them consistent.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.domain.containers.cell import Cell
from engine.domain.names.ids import IdIndex
from engine.errors import Conflict, InvalidParameter, NotFound


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
        owner = self._names.setdefault(name, container_id)
        if owner != container_id:
            raise Conflict(
                f'Conflict. The container name "/{name}" is already in use by container "{owner}". '
                "You have to remove (or rename) that container to be able to reuse that name."
            )

    def release(self, name: str, container_id: str) -> None:
        if self._names.get(name) == container_id:
            del self._names[name]

    def taken(self, name: str) -> bool:
        return name in self._names

    def add(self, cell: Cell) -> None:
        self._names[cell.record.name] = cell.record.id
        self._cells[cell.record.id] = cell
        self._ids.add(cell.record.id)

    def discard(self, container_id: str) -> None:
        cell = self._cells.pop(container_id, None)
        if cell is not None:
            self._ids.remove(container_id)
            self.release(cell.record.name, container_id)

    def get(self, container_id: str) -> Cell | None:
        return self._cells.get(container_id)

    def resolve(self, reference: str) -> Cell:
        """By exact ID, exact name, then unique ID prefix (row 3)."""
        if not reference:
            raise InvalidParameter('invalid name or ID supplied: ""')
        if cell := self._cells.get(reference):
            return cell
        if (owner := self._names.get(reference.removeprefix("/"))) and owner in self._cells:
            return self._cells[owner]
        found = self._ids.resolve(reference)
        if found is None:
            raise NotFound(f"No such container: {reference}")
        return self._cells[found]

    def by_short_id(self, short_id: str) -> Cell | None:
        """By the first 12 characters of an ID."""
        found = self._ids.resolve(short_id)
        return None if found is None else self._cells[found]
