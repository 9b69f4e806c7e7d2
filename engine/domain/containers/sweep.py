"""What a crash may have left behind and nobody owns: found by our label, and taken away."""

from __future__ import annotations

import logging
import re
import shutil
from pathlib import Path

import trio

from engine.domain.containers.cell import Cell
from engine.domain.containers.outside import Outside
from engine.domain.containers.prepare import ENGINE_LABEL, is_making
from engine.domain.containers.registry import Registry
from engine.errors import EngineError, NotFound

log = logging.getLogger(__name__)

CONTAINER_ID = re.compile(r"[0-9a-f]{64}")


async def sweep(registry: Registry, outside: Outside) -> list[str]:
    """Remove our orphans in containerd and on disk; the IDs of known containers whose task should be gone."""
    mine = f'labels."{ENGINE_LABEL}"=="{outside.settings.engine_id}"'
    for info in await outside.runtime.containers.list(mine):
        if not _owned(info.id, registry, outside):
            await _remove_orphan(info.id, outside)
    for snapshot in await outside.runtime.snapshots.list(mine):
        if CONTAINER_ID.fullmatch(snapshot.name) and not _owned(snapshot.name, registry, outside):
            await _tolerate(outside.runtime.snapshots.remove, snapshot.name)
        elif is_making(snapshot.name):
            async with outside.init_lock:  # nobody is making one now
                await _tolerate(outside.runtime.snapshots.remove, snapshot.name)
    leftovers = []
    tasks = {task.container_id for task in await outside.runtime.tasks.list()}
    for container_id in tasks:
        cell = registry.get(container_id)
        if cell is not None and _idle(cell):
            cell.leftover = True
            leftovers.append(cell.id)
    await _sweep_host(registry, outside, tasks)
    await trio.to_thread.run_sync(_sweep_directories, registry, outside)
    return leftovers


def _owned(container_id: str, registry: Registry, outside: Outside) -> bool:
    """A damaged record's container counts: it may be restored by hand."""
    return registry.knows(container_id) or container_id in outside.spared


def _idle(cell: Cell) -> bool:
    return not (cell.running or cell.starting or cell.slot.locked())


async def _sweep_host(registry: Registry, outside: Outside, tasks: set[str]) -> None:
    """What containerd does not know of, or nobody's container has."""
    for container_id in await outside.leftovers.find():
        cell = registry.get(container_id)
        if container_id in outside.spared:
            continue
        if cell is None:
            log.info("removing what is left of container %s", container_id)
            await outside.leftovers.remove(container_id)
        elif container_id not in tasks and _idle(cell) and not cell.leftover:
            async with cell.slot:
                await outside.leftovers.remove(container_id)


async def _remove_orphan(container_id: str, outside: Outside) -> None:
    log.info("removing orphaned container %s", container_id)
    tasks = outside.runtime.tasks
    try:
        await tasks.kill(container_id, 9, all=True)
        with trio.move_on_after(10):
            await tasks.wait(container_id)
    except EngineError:
        pass
    await _tolerate(tasks.delete, container_id)
    await _tolerate(outside.runtime.containers.delete, container_id)
    await _tolerate(outside.runtime.snapshots.remove, container_id)


async def _tolerate(action: object, key: str) -> None:
    try:
        await action(key)  # type: ignore[operator]
    except NotFound:
        return
    except EngineError as error:
        log.warning("sweeping %s: %s", key, error)


def _sweep_directories(registry: Registry, outside: Outside) -> None:
    for parent in (outside.settings.data_root / "containers", outside.settings.exec_root / "fifo"):
        for entry in _entries(parent):
            if CONTAINER_ID.fullmatch(entry.name) and not _owned(entry.name, registry, outside):
                shutil.rmtree(entry, ignore_errors=True)


def _entries(parent: Path) -> list[Path]:
    return list(parent.iterdir()) if parent.is_dir() else []
