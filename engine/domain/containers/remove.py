"""Removing a container: every part of it, in an order that a crash can only leave resumable."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import trio

from engine.domain.containers import ipc, rules
from engine.domain.containers.cell import Cell, ExitResult
from engine.domain.containers.outside import Outside, event
from engine.domain.containers.records import KIND, Removal, Status, to_document
from engine.domain.containers.stop import kill
from engine.domain.events.facade import Batch
from engine.errors import Conflict, NotFound, SystemFailure, Unavailable
from supervisors import Refusal, ServiceUnavailable


async def remove(cell: Cell, outside: Outside, *, force: bool, volumes: bool) -> None:
    """Row 60, with its refusals. A second removal beside the first one is a Conflict."""
    if cell.removing or cell.removed.is_set():
        raise Conflict(f"removal of container {cell.id} is already in progress")
    rules.check_remove(cell.record, force=force)
    cell.removing = True
    try:
        if cell.running:
            await _end(cell, outside)
        async with cell.slot:
            await _begin(cell, outside, Removal(volumes=volumes, force=force))
            await finish(cell, outside)
    finally:
        cell.removing = False


async def _end(cell: Cell, outside: Outside) -> None:
    try:
        await kill(cell, outside, 9)
    except Conflict:
        return  # it ended by itself


async def _begin(cell: Cell, outside: Outside, removal: Removal) -> None:
    record = cell.record.with_state(status=Status.REMOVING, removal=removal)
    await outside.journal.commit(Batch(durable=False).put(to_document(record)))
    cell.record = record


async def finish(cell: Cell, outside: Outside) -> None:
    """Do, or go on with, a removal that has begun. Needs the slot; a failure leaves the container `dead`.

    Where a part is only away, the container stays `removing`, and its operator goes on later.
    """
    try:
        await _release(cell, outside)
    except (Unavailable, ServiceUnavailable):
        raise
    except (Refusal, OSError) as error:
        record = cell.record.with_state(status=Status.DEAD, error=str(error))
        await outside.journal.commit(Batch().put(to_document(record)))
        cell.record = record
        raise SystemFailure(f"container {cell.id}: {error}") from error
    await outside.journal.commit(
        Batch().delete(KIND, cell.id).event(event(cell.record, "destroy", once="destroy"))
    )
    cell.last_exit = ExitResult(cell.record.state.exit_code)
    cell.forget()


async def _release(cell: Cell, outside: Outside) -> None:
    cell.streams.end()
    if cell.leftover:
        with contextlib.suppress(NotFound):
            await outside.runtime.tasks.delete(cell.id)
        cell.leftover = False
    with contextlib.suppress(NotFound):
        await outside.runtime.containers.delete(cell.id)
    with contextlib.suppress(NotFound):
        await outside.runtime.snapshots.remove(cell.id)
    await outside.sandboxes.release(cell.record)
    await ipc.unmount(cell.record, outside)
    removal = cell.record.state.removal or Removal()
    await outside.volumes.release(cell.id, cell.record.mounts, anonymous=removal.volumes)
    await trio.to_thread.run_sync(
        _delete_directories, cell.streams.directory, outside.directory(cell.id)
    )


def _delete_directories(*paths: Path) -> None:
    for path in paths:
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            continue
