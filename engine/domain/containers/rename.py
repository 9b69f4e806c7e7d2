"""Giving a container another name (row 68)."""

from __future__ import annotations

import contextlib

import msgspec

from engine.domain.containers import rules
from engine.domain.containers.cell import Cell
from engine.domain.containers.outside import Outside, event
from engine.domain.containers.prepare import NAME_LABEL
from engine.domain.containers.records import to_document
from engine.domain.events.facade import Batch
from engine.domain.names import check_name
from engine.errors import EngineError, prefixed


async def rename(cell: Cell, outside: Outside, name: str) -> None:
    """Conflict when the name is another's. The name is reserved before anything is written."""
    async with cell.slot:
        rules.check_rename(cell.record, name)
        with prefixed("Error when allocating new name: "):
            wanted = check_name(name if name.startswith("/") else f"/{name}").removeprefix("/")
            outside.registry.reserve(wanted, cell.id)
        await _commit(cell, outside, wanted)
        outside.sandboxes.rename(cell.record)
        with contextlib.suppress(EngineError):  # it is for recovery alone, and may not be there yet
            await outside.runtime.containers.update_labels(cell.id, {NAME_LABEL: wanted})


async def _commit(cell: Cell, outside: Outside, name: str) -> None:
    old = cell.record.name
    record = msgspec.structs.replace(cell.record, name=name)
    told = event(record, "rename", {"oldName": f"/{old}"})
    try:
        await outside.journal.commit(Batch().put(to_document(record)).event(told))
    except BaseException:
        outside.registry.release(name, cell.id)
        raise
    cell.record = record
    outside.registry.release(old, cell.id)
