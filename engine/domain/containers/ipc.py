"""Shared memory that outlives no run and may have more than one container: IPC modes shareable and container:."""

from __future__ import annotations

import logging
from pathlib import Path

import trio

from engine.domain.containers.cell import Cell
from engine.domain.containers.modes import joined
from engine.domain.containers.oci.plan import HOST, NEW
from engine.domain.containers.outside import Outside
from engine.domain.containers.records import Container, Status
from engine.errors import Conflict, InvalidParameter, prefixed

log = logging.getLogger(__name__)

HOST_SHM = "/dev/shm"


def directory(outside: Outside, container_id: str) -> Path:
    """Where a shareable container's /dev/shm is on the host."""
    return outside.settings.exec_root / "shm" / container_id


async def mount(record: Container, outside: Outside) -> None:
    """Before a start. Idempotent; what an earlier run has left in it is gone."""
    if record.host.ipc_mode == "shareable":
        size = record.host.shm_size or outside.settings.shm_size
        await outside.rootfs.mount_shm(directory(outside, record.id), size)


async def unmount(record: Container, outside: Outside) -> None:
    """After a run. Who has joined keeps it."""
    if record.host.ipc_mode == "shareable":
        try:
            await outside.rootfs.unmount_shm(directory(outside, record.id))
        except (OSError, trio.TooSlowError) as error:
            log.warning("container %s: its shared memory: %s", record.id[:12], error)


def donor(record: Container, outside: Outside) -> Cell | None:
    """The container whose IPC is joined; Conflict or InvalidParameter with dockerd's texts."""
    name = joined(record.host.ipc_mode)
    if name is None:
        return None
    with prefixed(f"can't join IPC of container {name}: "):
        cell = outside.registry.resolve(name)
        state = cell.record.state
        if state.status is Status.RESTARTING:
            raise Conflict(f"container {cell.id} is restarting")
        if not state.alive:
            raise Conflict(f"container {cell.id} is not running")
        if cell.record.host.ipc_mode not in ("shareable", "host"):
            raise InvalidParameter(
                "non-shareable IPC (hint: use IpcMode:shareable for the donor container)"
            )
    return cell


def place(record: Container, outside: Outside) -> tuple[str, str]:
    """The namespace and the directory for /dev/shm ("" for a private tmpfs) of a start that is due."""
    mode = record.host.ipc_mode
    if mode == "host":
        return HOST, HOST_SHM
    if mode == "shareable":
        return NEW, str(directory(outside, record.id))
    cell = donor(record, outside)
    if cell is None:
        return NEW, ""
    theirs = HOST_SHM if cell.record.host.ipc_mode == "host" else str(directory(outside, cell.id))
    return f"/proc/{cell.record.state.pid}/ns/ipc", theirs
