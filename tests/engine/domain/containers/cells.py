"""Cells without a room: enough for what only reads records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.domain.containers.cell import Cell
from engine.domain.containers.records import Container, Status
from engine.domain.containers.registry import Registry
from engine.domain.streams.session import ProcessStreams
from tests.engine.domain.containers.containers import container

NOWHERE = Path("/nonexistent/fifo")


async def _close_stdin() -> None:
    return None


def cell_of(record: Container) -> Cell:
    return Cell(record, ProcessStreams(NOWHERE, _close_stdin), lambda cell: cell.gone())


def cell(n: int, status: Status = Status.RUNNING, **changes: Any) -> Cell:
    """The n-th container: its ID repeats n, its name is `cN`, and it was made n seconds into 1970."""
    digits = f"{n:x}"
    known: dict[str, Any] = {
        "id": (digits * 64)[:64],
        "name": f"c{n}",
        "created_ns": n * 1_000_000_000,
    }
    return cell_of(container(status, **{**known, **changes}))


def registry(*cells: Cell) -> Registry:
    found = Registry()
    for each in cells:
        found.add(each)
    return found
