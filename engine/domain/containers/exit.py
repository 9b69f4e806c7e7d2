"""What follows the end of a container's init process, in dockerd's order, and before anybody hears of it."""

from __future__ import annotations

import logging

import trio

from engine.domain.containers.cell import Cell, ExitResult
from engine.domain.containers.messages import Exited
from engine.domain.containers.outside import Outside, event
from engine.domain.containers.records import Status, to_document
from engine.domain.events.facade import Batch
from engine.errors import EngineError, NotFound
from supervisors import Refusal

log = logging.getLogger(__name__)

STREAM_PATIENCE = 2.0
"""Seconds for the output to end after the process did (dockerd's stream wait)."""


async def exited(cell: Cell, outside: Outside, message: Exited) -> bool:
    """Take the exit into the record, with `die`; False when it belongs to an earlier run. Needs the slot."""
    state = cell.record.state
    if not state.alive or message.pid != state.pid:
        return False
    await cell.streams.finish(STREAM_PATIENCE)
    await release_ports(cell, outside)
    record = cell.record.with_state(
        status=Status.EXITED,
        pid=0,
        exit_code=message.exit_code,
        finished_ns=message.exited_ns,
        oom_killed=cell.record.state.oom_killed or message.oom,
    )
    seconds = max(0, message.exited_ns - state.started_ns) // 1_000_000_000
    extra = {"exitCode": str(message.exit_code), "execDuration": str(seconds)}
    if message.reconciled:
        extra["trimaran.reconciled"] = "true"
    batch = (
        Batch()
        .put(to_document(record))
        .event(event(record, "die", extra, once=f"die {state.generation}"))
    )
    await commit_surely(outside, batch)
    cell.record = record
    cell.leftover = True
    cell.streams.end()
    cell.ended(ExitResult(message.exit_code))
    return True


async def release_ports(cell: Cell, outside: Outside) -> None:
    """A crash over there must not keep the exit from being known: what stays published goes with the next start or removal."""
    for _ in range(2):
        try:
            await outside.sandboxes.unpublish(cell.record)
            return
        except Refusal as error:
            log.warning("container %s: its ports: %s", cell.id, error)


async def commit_surely(outside: Outside, batch: Batch) -> None:
    """Commit what is already true outside: the store may be away, the fact stays."""
    while True:
        try:
            await outside.journal.commit(batch)
            return
        except Refusal:
            await trio.sleep(0.5)


async def delete_task(cell: Cell, outside: Outside) -> None:
    """Let containerd forget the ended task. Needs the slot; what fails is tried again before the next use."""
    if not cell.leftover:
        return
    try:
        await outside.runtime.tasks.delete(cell.id)
    except NotFound:
        pass
    except EngineError:
        return
    cell.leftover = False
