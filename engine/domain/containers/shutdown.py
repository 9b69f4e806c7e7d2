"""Stopping every container when the daemon goes down without live restore."""

from __future__ import annotations

import logging

import trio

from engine.domain.containers import dependencies, exit, policy, rules
from engine.domain.containers.cell import Cell
from engine.domain.containers.facade import Containers
from engine.domain.containers.outside import Outside
from engine.domain.containers.room import Room
from engine.domain.containers.sweep import sweep
from engine.errors import EngineError
from supervisors import Refusal

log = logging.getLogger(__name__)

GRACE = 5
"""Seconds on top of the longest stop time-out (dockerd's shutdown grace)."""


def patience(room: Room, configured: int) -> float:
    """Section E: the longest of the containers' own time-outs and the configured one; below 0 is for ever.

    Those that are stopped one after the other, because one needs the other, get the sum of theirs.
    """
    timeouts = {cell.id: rules.stop_timeout(cell.record) for cell in room.registry}
    if configured < 0 or any(each < 0 for each in timeouts.values()):
        return float("inf")
    longest = dependencies.longest(_users(room), lambda each: float(timeouts[each]))
    return max(float(configured), longest + GRACE if timeouts else 0.0)


def _users(room: Room) -> dependencies.Needs:
    """Who must have ended before a container is stopped."""
    needed = dependencies.needs(cell.record for cell in room.registry)
    return dependencies.reverse(dependencies.without_cycles(needed))


async def stop_all(room: Room, containers: Containers, configured: int) -> None:
    """All at once but for those that others need: these go last, each with its own time-out; also
    those that have ended let go of what they still hold."""
    room.outside.shutting_down = True
    users = _users(room)
    over = {each: trio.Event() for each in users}

    async def stop(cell: Cell) -> None:
        try:
            for user in users.get(cell.id, ()):
                await over[user].wait()
            try:
                await _after_start(cell)
                if cell.running:
                    await containers.stop(cell.id)
            except Refusal as error:
                log.info("stopping %s: %s", cell.id[:12], error)
        finally:
            over.get(cell.id, trio.Event()).set()
        await _settle(cell, room.outside)

    with trio.move_on_after(patience(room, configured)) as limit:
        async with trio.open_nursery() as nursery:
            for cell in room.registry:
                nursery.start_soon(stop, cell)
        await room.outside.leavings.cleared()
        await _sweep(room)
    if limit.cancelled_caught:
        log.error("Force shutdown daemon")  # dockerd's words


async def _after_start(cell: Cell) -> None:
    """A start that is under way comes to its end first; a later one is refused."""
    if cell.starting:
        async with cell.slot:
            return


async def _sweep(room: Room) -> None:
    """What a former daemon's crash has left and was not found yet: the next look would be the next daemon's."""
    try:
        found = await sweep(room.registry, room.outside)
    except EngineError as error:
        log.info("sweeping at the end: %s", error)
        return
    for container_id in found:
        cell = room.registry.get(container_id)
        if cell is not None:
            await _settle(cell, room.outside)


async def _settle(cell: Cell, outside: Outside) -> None:
    """What follows an exit when nobody waits any more, before the daemon takes its tools away."""
    if policy.is_spent(cell.record):
        await cell.removed.wait()
    async with cell.slot:
        if not cell.running and not cell.removed.is_set():
            await exit.settle(cell, outside)
