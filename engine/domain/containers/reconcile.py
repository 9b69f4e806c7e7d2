"""Making a container's record and containerd agree: after a crash, a restart, or a gap in the events."""

from __future__ import annotations

import logging
import time

import msgspec

from engine.domain.containers import exit, ipc, pause, remove, startretry
from engine.domain.containers.announce import network_events
from engine.domain.containers.cell import Cell, ExitResult
from engine.domain.containers.messages import Exited
from engine.domain.containers.output import open_streams, watch_health
from engine.domain.containers.outside import Outside, event
from engine.domain.containers.records import Container, NetworkState, Status, to_document
from engine.domain.containers.task import end_task, find_task
from engine.domain.containers.volumes import mount_events, unmount_events
from engine.domain.events.facade import Batch
from engine.domain.streams.fifo import held_open
from engine.errors import DeadlineExceeded, Unavailable
from supervisors import Refusal, ServiceUnavailable

log = logging.getLogger(__name__)

AWAY = (Unavailable, ServiceUnavailable, DeadlineExceeded)

PUT_OFF = 1.0
"""Seconds at least before a restart that an outage has foiled is tried again."""
UNKNOWN_EXIT = 255
"""The exit code of a container that containerd no longer knows."""


async def reconcile(cell: Cell, outside: Outside) -> bool:
    """Finish or undo what is half-done, learn an exit that was missed. Needs the slot.

    False while containerd or another part is away: nothing is concluded then, and it is to be tried again.
    """
    if cell.removed.is_set():
        return True
    try:
        if cell.streams.opened:
            await _reconcile(cell, outside)
        else:
            with held_open(str(cell.streams.directory)):
                await _reconcile(cell, outside)
    except AWAY:
        return False
    except Refusal as error:
        log.warning("container %s: %s", cell.id[:12], error)
    return True


async def _reconcile(cell: Cell, outside: Outside) -> None:
    state = cell.record.state
    if state.status is Status.REMOVING:
        await remove.finish(cell, outside)
    elif cell.starting:
        await undo_start(cell, outside, "the start was interrupted", put_off=True)
    elif state.alive:
        await _check_alive(cell, outside)
    elif cell.leftover:
        await exit.settle(cell, outside)


async def _check_alive(cell: Cell, outside: Outside) -> None:
    task = await find_task(cell, outside)
    pid = cell.record.state.pid
    alive = task is not None and task.pid == pid and task.status != "stopped"
    adopted = not cell.streams.opened
    if adopted:
        await open_streams(cell, outside, cell.record.state.generation, adopt=True)
        if alive:
            await cell.streams.connect_stdin()
            await watch_health(cell, outside)
    if alive:
        assert task is not None
        await pause.adopt(cell, outside, frozen=task.status == "paused")
        await _end_commit(cell, outside)
        return
    now = time.time_ns()
    if task is not None and task.pid == pid:
        code, at = task.exit_status, task.exited_at_ns or now
    else:
        code, at = UNKNOWN_EXIT, now
    # Nobody writes to streams that a former daemon left: what is in them is all there is.
    patience = 0 if adopted else exit.STREAM_PATIENCE
    message = Exited(pid, code, at, reconciled=True)
    await exit.exited(cell, outside, message, patience=patience)


async def _end_commit(cell: Cell, outside: Outside) -> None:
    """A former daemon has paused the container for a commit that it did not live to finish."""
    if not cell.commit_interrupted:
        return
    if cell.record.state.status is Status.PAUSED:
        await pause.thaw(cell, outside)
    await outside.journal.commit(Batch(durable=False).close("commit", cell.id))
    cell.commit_interrupted = False


async def undo_start(
    cell: Cell,
    outside: Outside,
    reason: str,
    exit_code: int = 128,
    *,
    put_off: bool = False,
    retry: bool = False,
) -> None:
    """Take back whatever of a start is there, keep its reason in the record, and wake who waits for it.

    `put_off`: the container is not to blame, so a restart by its policy is tried again. `retry`: so is
    any start, for what is not there yet.
    """
    await end_task(cell, outside)
    await outside.volumes.unmount(cell.record)
    await exit.twice(cell, outside.sandboxes.release)
    await ipc.unmount(cell.record, outside)
    await cell.streams.finish(0)
    cell.streams.end()
    waits = cell.record.state.status is Status.RESTARTING
    again = put_off and waits
    record, batch = _undone(cell, outside, reason, exit_code, again=again)
    if retry:
        state = startretry.put_off(record, reason, exit_code, time.time_ns())
        state = msgspec.structs.replace(state, status=Status.RESTARTING)
        record = msgspec.structs.replace(record, state=state)
    await exit.commit_surely(outside, batch.put(to_document(record)).close("start", cell.id))
    cell.record = record
    cell.starting, cell.told = False, None
    if again or retry:
        put_off_restart(cell, outside)
    if not (again or (retry and waits)):
        cell.ended(ExitResult(exit_code, reason))


def put_off_restart(cell: Cell, outside: Outside) -> None:
    """What keeps it from starting is not its own: try again, but not in haste."""
    outside.restarts.put(cell.id, max(PUT_OFF, cell.record.state.backoff_ms / 1000))


def _undone(
    cell: Cell, outside: Outside, reason: str, exit_code: int, *, again: bool
) -> tuple[Container, Batch]:
    """Who may have heard of the start hears of its end."""
    told, state = cell.told, cell.record.state
    if told is None:
        if again:
            return cell.record, Batch()
        status = Status.EXITED if state.status is Status.RESTARTING else state.status
        return cell.record.with_state(status=status, error=reason, exit_code=exit_code), Batch()
    record = msgspec.structs.replace(told, network=NetworkState()).with_state(
        status=Status.RESTARTING if again else Status.EXITED,
        pid=0,
        error=reason,
        exit_code=exit_code,
        finished_ns=time.time_ns(),
    )
    run, sandbox = told.state.generation, told.network.sandbox
    batch = Batch().announce(network_events("connect", told, sandbox, outside))
    batch.announce(mount_events(told))
    batch.event(event(told, "start", once=f"start {run}"))
    batch.event(event(record, "die", {"exitCode": str(exit_code)}, once=f"die {run}"))
    batch.announce(network_events("disconnect", told, sandbox, outside))
    return record, batch.announce(unmount_events(told))
