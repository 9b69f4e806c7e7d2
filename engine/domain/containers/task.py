"""A container's task in containerd: made, found, ended."""

from __future__ import annotations

import trio

from engine.domain.containers.cell import Cell
from engine.domain.containers.outside import Outside
from engine.domain.containers.prepare import Prepared
from engine.errors import Conflict, DeadlineExceeded, EngineError, NotFound, Unavailable
from engine.models.runtime import TaskInfo

KILL_PATIENCE = 10.0
SETTLING = 1.5
"""Seconds from a create whose answer was lost to a look at what became of it. containerd cancels it, and
undoes it where it is; the same ID must not be asked for beside that."""
PATIENCE = 12.0
"""Seconds for what an earlier create has left: containerd gives its shim 5 s to undo it, twice."""
PAUSE = 0.5
LEFT = "failed to start shim: mkdir"


async def create_task(cell: Cell, outside: Outside, prepared: Prepared) -> int:
    """The pid of the process to be started. What an earlier try may have left is ended."""
    give_up = trio.current_time() + PATIENCE
    while True:
        cell.create_in_doubt = True
        try:
            pid = await _create(cell, outside, prepared)
        except EngineError as error:
            cell.create_in_doubt = isinstance(error, Unavailable | DeadlineExceeded)
            left = isinstance(error, Conflict) or str(error).startswith(LEFT)
            if not left or trio.current_time() > give_up:
                raise
        else:
            cell.create_in_doubt = False
            return pid
        await end_task(cell, outside)
        await trio.sleep(PAUSE)


async def _create(cell: Cell, outside: Outside, prepared: Prepared) -> int:
    paths = cell.streams.paths
    return await outside.runtime.tasks.create(
        cell.id,
        rootfs=prepared.rootfs,
        stdin=paths.stdin,
        stdout=paths.stdout,
        stderr=paths.stderr,
        terminal=cell.record.config.tty,
        options=prepared.options,
    )


async def find_task(cell: Cell, outside: Outside) -> TaskInfo | None:
    """None when there is none; Unavailable when its shim does not answer, from which nothing follows."""
    try:
        task = await outside.runtime.tasks.get(cell.id)
    except NotFound:
        return None
    if task.status == "unknown":
        raise Unavailable(f"the shim of container {cell.id} does not answer")
    return task


async def end_task(cell: Cell, outside: Outside) -> None:
    """Whatever state it is in; what cannot be deleted now is a leftover."""
    if cell.create_in_doubt:
        await trio.sleep(SETTLING)
        cell.create_in_doubt = False
    task = await find_task(cell, outside)
    if task is None:
        # It may be on its way still, for a daemon that is no more.
        await outside.leftovers.remove(cell.id)
        return
    try:
        if task.status not in ("stopped", "created"):
            await outside.runtime.tasks.kill(cell.id, 9, all=True)
            if task.status == "paused":
                await outside.runtime.tasks.resume(cell.id)
            with trio.fail_after(KILL_PATIENCE):
                await outside.runtime.tasks.wait(cell.id)
        await outside.runtime.tasks.delete(cell.id)
    except NotFound:
        return
    except (EngineError, trio.TooSlowError):
        cell.leftover = True
