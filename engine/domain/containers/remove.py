"""Removing a container: every part of it, in an order that a crash can only leave resumable."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import trio

from engine.domain.containers import ipc, policy, rules
from engine.domain.containers.beside import beside
from engine.domain.containers.cell import Cell, ExitResult
from engine.domain.containers.exit import delete_surely
from engine.domain.containers.logging import delivers
from engine.domain.containers.outside import Outside, event
from engine.domain.containers.records import KIND, Removal, Status, to_document
from engine.domain.containers.stop import kill
from engine.domain.events.facade import Batch
from engine.errors import Conflict, DeadlineExceeded, NotFound, SystemFailure, Unavailable
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


async def remove_spent(cell: Cell, outside: Outside) -> None:
    """The auto-remove of a run that is over. Its beginning needs no record: the next daemon sees it is spent."""
    cell.removing = True
    try:
        async with cell.slot:
            if not policy.is_spent(cell.record):
                return  # somebody was faster
            removal = Removal(volumes=True, force=True)
            cell.record = cell.record.with_state(status=Status.REMOVING, removal=removal)
            # Where every process has ended with the first one, nothing holds the root's mounts any more.
            await finish(cell, outside, lazily=not cell.record.host.pid_mode)
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


async def finish(cell: Cell, outside: Outside, *, lazily: bool = False) -> None:
    """Do, or go on with, a removal that has begun. Needs the slot; a failure leaves the container `dead`.

    Where a part is only away, or does not answer, the container stays `removing`, and its operator goes on later.
    `lazily` leaves the ended task and the root to `leavings`.
    """
    try:
        await _release(cell, outside, lazily=lazily)
    except (Unavailable, ServiceUnavailable, DeadlineExceeded):
        raise
    except (Refusal, OSError) as error:
        record = cell.record.with_state(status=Status.DEAD, error=str(error))
        await outside.journal.commit(Batch().put(to_document(record)))
        cell.record = record
        raise SystemFailure(f"container {cell.id}: {error}") from error
    # Lost with the power, an auto-remove is done and told again: the exit's record says that it is due.
    batch = Batch(durable=not lazily).delete(KIND, cell.id)
    await outside.journal.commit(batch.event(event(cell.record, "destroy", once="destroy")))
    if lazily:
        outside.leavings.put(cell.id)
    cell.last_exit = ExitResult(cell.record.state.exit_code)
    cell.forget()


async def _release(cell: Cell, outside: Outside, *, lazily: bool) -> None:
    cell.streams.end()
    own = _release_own if lazily else _release_parts
    await beside(partial(own, cell, outside), partial(outside.sandboxes.release, cell.record))


async def _release_parts(cell: Cell, outside: Outside) -> None:
    """The task first, which holds the root's mount."""
    if cell.leftover:
        with contextlib.suppress(NotFound):
            await delete_surely(cell.id, outside)
        cell.leftover = False
    await beside(
        partial(_gone, outside.runtime.containers.delete, cell.id),
        partial(_gone, outside.runtime.snapshots.remove, cell.id),
    )
    await outside.leftovers.forget(cell.id)
    await _release_own(cell, outside)


async def _release_own(cell: Cell, outside: Outside) -> None:
    """The log last: a container that stays `dead` keeps it."""
    await ipc.unmount(cell.record, outside)
    removal = cell.record.state.removal or Removal()
    await outside.volumes.release(cell.id, cell.record.mounts, anonymous=removal.volumes)
    await trio.to_thread.run_sync(
        _delete_directories, cell.streams.directory, outside.directory(cell.id)
    )
    if delivers(cell.record):
        await outside.logs.forget(cell.id)


async def _gone(remove_: Callable[[str], Awaitable[object]], key: str) -> None:
    with contextlib.suppress(NotFound):
        await remove_(key)


def _delete_directories(*paths: Path) -> None:
    for path in paths:
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            continue
