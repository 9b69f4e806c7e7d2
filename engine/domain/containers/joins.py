"""Namespaces that belong to another container: `container:NAME` for network, PID and IPC (row 72)."""

from __future__ import annotations

import msgspec

from engine.domain.containers.cell import Cell
from engine.domain.containers.modes import joined
from engine.domain.containers.records import Status
from engine.domain.containers.registry import Registry
from engine.errors import Conflict, NotFound
from engine.models.containers import HostConfig


def with_ids(host: HostConfig, registry: Registry) -> HostConfig:
    """Names become IDs, so that a rename leads nobody elsewhere."""
    return msgspec.structs.replace(
        host,
        network_mode=_with_id(host.network_mode, registry),
        pid_mode=_with_id(host.pid_mode, registry),
        ipc_mode=_with_id(host.ipc_mode, registry),
    )


def _with_id(mode: str, registry: Registry) -> str:
    name = joined(mode)
    try:
        return mode if name is None else f"container:{registry.resolve(name).id}"
    except NotFound:
        return mode  # the start will say so


def donor(mode: str, registry: Registry, what: str) -> Cell | None:
    """The running container that `mode` names, None for another mode; `what` as dockerd's text has it."""
    name = joined(mode)
    if name is None:
        return None
    cell = registry.resolve(name)
    if cell.record.state.status is Status.RESTARTING:
        raise Conflict(f"Container {cell.id} is restarting, wait until the container is running")
    if not cell.record.state.alive:
        raise Conflict(f"cannot join {what} of a non running container: {cell.id}")
    return cell


def joins(host: HostConfig) -> bool:
    modes = (host.network_mode, host.pid_mode, host.ipc_mode)
    return any(joined(mode) is not None for mode in modes)
