"""Freezing a container's processes and letting them go on (row 69)."""

from __future__ import annotations

from engine.domain.containers import rules
from engine.domain.containers.cell import Cell
from engine.domain.containers.outside import Outside, event
from engine.domain.containers.records import Status, to_document
from engine.domain.events.facade import Batch
from engine.errors import EngineError, prefixed


async def pause(cell: Cell, outside: Outside) -> None:
    """Conflict unless it runs and is not paused; SystemFailure when the freezer refuses."""
    async with cell.slot:
        rules.check_pause(cell.record)
        async with cell.doorway.shut():
            with prefixed(f"Cannot pause container {cell.id}: "):
                await outside.runtime.tasks.pause(cell.id)
            # Recorded before anybody comes in again, who looks there.
            await _commit(cell, outside, Status.PAUSED, "pause")


async def unpause(cell: Cell, outside: Outside) -> None:
    """Conflict when it is not paused: dockerd's text, but no failure of ours as its 500 says."""
    async with cell.slot:
        rules.check_unpause(cell.record)
        await thaw(cell, outside)


async def thaw(cell: Cell, outside: Outside) -> None:
    """Resume a paused container. Needs the slot."""
    with prefixed(f"Cannot unpause container {cell.id}: "):
        await outside.runtime.tasks.resume(cell.id)
    await _commit(cell, outside, Status.RUNNING, "unpause")


async def thaw_to_die(cell: Cell, outside: Outside) -> None:
    """Frozen processes take no signal: let them go on to meet the one that was sent. Needs the slot."""
    if cell.record.state.status is not Status.PAUSED:
        return
    try:
        await thaw(cell, outside)
    except EngineError:
        return  # it has just ended; if not, its killer misses the exit and says so


async def adopt(cell: Cell, outside: Outside, *, frozen: bool) -> None:
    """Take over what the freezer says: a pause may have been done and not recorded. Needs the slot."""
    status = cell.record.state.status
    if frozen and status is Status.RUNNING:
        await _commit(cell, outside, Status.PAUSED, "pause")
    elif not frozen and status is Status.PAUSED:
        await _commit(cell, outside, Status.RUNNING, "unpause")


async def _commit(cell: Cell, outside: Outside, status: Status, action: str) -> None:
    record = cell.record.with_state(status=status)
    await outside.journal.commit(Batch().put(to_document(record)).event(event(record, action)))
    cell.record = record
