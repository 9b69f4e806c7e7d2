"""Ending a container's process: stop with its patience, kill with its certainty."""

from __future__ import annotations

import logging
import signal as signals

import trio

from engine.domain.containers import onunhealthy, rules
from engine.domain.containers.cell import Cell
from engine.domain.containers.exit import settle
from engine.domain.containers.outside import Outside, event
from engine.domain.containers.pause import thaw_to_die
from engine.domain.containers.records import Status, to_document
from engine.domain.events.facade import Batch
from engine.errors import (
    Conflict,
    InvalidParameter,
    NotFound,
    NotModified,
    SystemFailure,
    Unavailable,
)

log = logging.getLogger(__name__)

KILL_PATIENCE = 12.0
"""Seconds from SIGKILL to giving up on the exit event: dockerd waits 10, kills by pid, waits 2."""
SIGNAL_FAILED_PATIENCE = 2.0
HIGHEST_SIGNAL = 64


async def stop(
    cell: Cell, outside: Outside, *, timeout: int | None, signal: int | None, asked: bool = True
) -> None:
    """Row 57: the signal, `timeout` seconds (below 0: for ever), then SIGKILL. NotModified when not running.

    Where nobody has asked for it, only the run is ended: a restart that follows it stays.
    """
    if not cell.running:
        raise NotModified("container is already stopped")
    exits = cell.exits
    if asked and await cancel_restart(cell, outside):
        await outside.emit(cell.record, "stop")
        return
    patience = float(rules.stop_timeout(cell.record) if timeout is None else timeout)
    try:
        await send(cell, outside, signal or rules.stop_signal(cell.record), stopping=asked)
    except (Unavailable, SystemFailure):
        patience = min(patience, SIGNAL_FAILED_PATIENCE)
    with trio.move_on_after(patience if patience >= 0 else float("inf")):
        await _exit_after(cell, exits)
    if cell.exits == exits and cell.running:
        await _kill_and_wait(cell, outside, exits, asked=asked)
    await outside.emit(cell.record, "stop")


async def kill(cell: Cell, outside: Outside, signal: int) -> None:
    """Row 58: SIGKILL waits for the exit, any other signal returns at once."""
    if not cell.running:
        raise Conflict(f"Container {cell.id} is not running")
    if signal > HIGHEST_SIGNAL:
        raise InvalidParameter(f"The linux daemon does not support signal {signal}")
    if await cancel_restart(cell, outside):
        return
    if signal == signals.SIGKILL:
        await _kill_and_wait(cell, outside, cell.exits)
    else:
        await send(cell, outside, signal, stopping=signal == rules.stop_signal(cell.record))


async def end_unhealthy(cell: Cell, outside: Outside, generation: int) -> None:
    """As the container's label wants it; what has ended by itself meanwhile is left to its own exit."""
    action = onunhealthy.reaction(cell.record).action
    state = cell.record.state
    if action == "none" or not state.alive or state.generation != generation:
        return
    cell.reason = onunhealthy.REASON
    log.info("container %s is unhealthy: %s", cell.id[:12], action)
    if action == "kill":
        await _kill_and_wait(cell, outside, cell.exits)
    else:
        asked = action == "stop"
        await stop(cell, outside, timeout=None, signal=None, asked=asked)


async def cancel_restart(cell: Cell, outside: Outside) -> bool:
    """A container between two runs is stopped by not starting it again; False when it is not there."""
    async with cell.slot:
        if cell.record.state.status is not Status.RESTARTING:
            return False
        outside.restarts.cancel(cell.id)
        record = cell.record.with_state(status=Status.EXITED, manually_stopped=True, next_try_ns=0)
        await outside.journal.commit(Batch().put(to_document(record)))
        cell.record = record
        await settle(cell, outside)
    cell.ended(cell.last_exit)
    return True


async def _kill_and_wait(cell: Cell, outside: Outside, exits: int, *, asked: bool = True) -> None:
    await send(cell, outside, signals.SIGKILL, stopping=asked)
    with trio.move_on_after(KILL_PATIENCE):
        await _exit_after(cell, exits)
    if cell.exits == exits and cell.running:
        raise SystemFailure(
            f"Could not kill running container {cell.id}, cannot remove - tried to kill container, but did not receive an exit event"
        )


async def _exit_after(cell: Cell, exits: int) -> None:
    if cell.running:
        await cell.exit_after(exits)


async def send(cell: Cell, outside: Outside, signal: int, *, stopping: bool) -> None:
    """Signal the init process; `stopping` remembers that somebody wanted the end (restart policies ask)."""
    async with cell.slot:
        record = cell.record
        if not record.state.alive:
            return
        if stopping and not record.state.manually_stopped and not outside.shutting_down:
            record = record.with_state(manually_stopped=True)
            batch = Batch(durable=False).put(to_document(record))
        else:
            batch = Batch(durable=False)
        await outside.journal.commit(
            batch.event(event(record, "kill", {"signal": str(int(signal))}))
        )
        cell.record = record
        try:
            await outside.runtime.tasks.kill(cell.id, int(signal))
        except NotFound:
            return  # it has just ended; the exit is on its way
        if stopping or signal in (signals.SIGKILL, rules.stop_signal(record)):
            await thaw_to_die(cell, outside)
