"""What follows the end of a container's init process, in dockerd's order, and before anybody hears of it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import msgspec
import trio

from engine.domain.containers import causes, health, ipc, onunhealthy, policy
from engine.domain.containers.announce import network_events
from engine.domain.containers.cell import Cell, ExitResult
from engine.domain.containers.messages import Exited
from engine.domain.containers.outside import Outside, event
from engine.domain.containers.records import Container, NetworkState, Status, to_document
from engine.domain.containers.volumes import unmount_events
from engine.domain.events.facade import Batch
from engine.errors import Conflict, EngineError, NotFound
from supervisors import Refusal

log = logging.getLogger(__name__)

KILL_PATIENCE = 10.0
STREAM_PATIENCE = 2.0
"""Seconds for the output to end after the process did (dockerd's stream wait)."""


async def exited(
    cell: Cell, outside: Outside, message: Exited, *, patience: float = STREAM_PATIENCE
) -> bool:
    """Take the exit into the record, with `die`; False when it belongs to an earlier run. Needs the slot."""
    state = cell.record.state
    if not state.alive or message.pid != state.pid:
        return False
    await cell.streams.finish(patience)
    await twice(cell, outside.sandboxes.unpublish)
    await outside.volumes.unmount(cell.record)
    expected = cell.ender or cell.reason or outside.shutting_down
    orphaned = not expected and await causes.orphaned(
        cell.record, outside.registry, message.exit_code
    )
    record = _after(cell, outside, message)
    seconds = max(0, message.exited_ns - state.started_ns) // 1_000_000_000
    extra = {"exitCode": str(message.exit_code), "execDuration": str(seconds)}
    if cell.reason:
        extra["reason"] = cell.reason
    extra |= causes.of_end(
        record,
        reason=cell.reason,
        ender=cell.ender,
        shutting_down=outside.shutting_down,
        orphaned=orphaned,
    )
    if message.reconciled:
        extra["trimaran.reconciled"] = "true"
    batch = (
        Batch()
        .put(to_document(record))
        .event(event(record, "die", extra, once=f"die {state.generation}"))
    )
    batch.announce(network_events("disconnect", record, cell.record.network.sandbox, outside))
    batch.announce(unmount_events(record))
    await commit_surely(outside, batch)
    cell.record = record
    cell.leftover = True
    cell.streams.end()
    cell.ended(ExitResult(message.exit_code))
    if record.state.status is Status.RESTARTING:
        outside.restarts.put(cell.id, record.state.backoff_ms / 1000)
    return True


def _after(cell: Cell, outside: Outside, message: Exited) -> Container:
    """The record as the exit leaves it: exited, or waiting for its restart."""
    record, state = cell.record, cell.record.state
    unasked = not (state.manually_stopped or cell.restarting or outside.shutting_down)
    # Ended for its health, or by itself before it could be.
    unhealthy = onunhealthy.REASON in (cell.reason, state.health)
    sick = unhealthy and onunhealthy.restarts(record)
    again = unasked and (sick or policy.follows(record, message.exit_code))
    ran_ns = message.exited_ns - state.started_ns
    return msgspec.structs.replace(record, network=NetworkState()).with_state(
        status=Status.RESTARTING if again else Status.EXITED,
        pid=0,
        exit_code=message.exit_code,
        finished_ns=message.exited_ns,
        oom_killed=state.oom_killed or message.oom,
        restart_count=state.restart_count + again,
        backoff_ms=policy.next_delay_ms(state, ran_ns) if again else 0,
        health=health.last(record),
    )


async def twice(cell: Cell, release: Callable[[Container], Awaitable[None]]) -> None:
    """A crash over there must not keep an end from being known: what stays goes with the next start or removal."""
    for _ in range(2):
        try:
            await release(cell.record)
            return
        except Refusal as error:
            log.warning("container %s: %s", cell.id[:12], error)


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
        await delete_surely(cell.id, outside)
    except NotFound:
        pass
    except EngineError:
        return
    cell.leftover = False


async def delete_surely(container_id: str, outside: Outside) -> None:
    """Also one that runs though nobody knows of it: a start that came to its end after its daemon had."""
    tasks = outside.runtime.tasks
    try:
        await tasks.delete(container_id)
    except Conflict:
        await tasks.kill(container_id, 9, all=True)
        with trio.move_on_after(KILL_PATIENCE):
            await tasks.wait(container_id)
        await tasks.delete(container_id)


async def settle(cell: Cell, outside: Outside) -> None:
    """What may wait until everybody knows of the exit: the task's deletion, the way out of the network."""
    await delete_task(cell, outside)
    await twice(cell, outside.sandboxes.release)
    await ipc.unmount(cell.record, outside)
