"""Changing a container's limits and its restart policy while it lives (row 67)."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from msgspec.structs import replace

from engine.domain.containers import validation
from engine.domain.containers.cell import Cell
from engine.domain.containers.limits import check_limits
from engine.domain.containers.oci.plan import SpecPlan
from engine.domain.containers.oci.resources import limits
from engine.domain.containers.outside import Outside, event
from engine.domain.containers.prepare import current_plan
from engine.domain.containers.records import Status, to_document
from engine.domain.events.facade import Batch
from engine.errors import Conflict, EngineError, InvalidParameter, prefixed
from engine.models.containers import HostConfig, Resources, RestartPolicy, UpdateRequest

log = logging.getLogger(__name__)

_NUMBERS = (
    "blkio_weight",
    "cpu_shares",
    "nano_cpus",
    "cpu_period",
    "cpu_quota",
    "cpu_realtime_period",
    "cpu_realtime_runtime",
    "memory",
    "memory_swap",
    "memory_reservation",
)
_KERNELS_NO = ("invalid argument", "numerical result out of range", "device or resource busy")
"""What runc says of a value that the kernel doesn't take: that is the request's fault, no failure of ours."""
_OTHERS = ("cpuset_cpus", "cpuset_mems")
_NOT_IN_UPDATES: dict[str, Any] = {
    "blkio_weight_device": None,
    "blkio_device_read_bps": None,
    "blkio_device_write_bps": None,
    "blkio_device_read_iops": None,
    "blkio_device_write_iops": None,
    "oom_kill_disable": None,
    "memory_swappiness": None,
}


async def update(cell: Cell, outside: Outside, request: UpdateRequest) -> list[str]:
    """The warnings. InvalidParameter, Conflict; a cgroup that refuses leaves everything as it was."""
    validation.check_restart(request.restart_policy, auto_remove=False)
    checked, warnings = check_limits(request, outside.settings.info, update=True)
    async with cell.slot:
        with prefixed(f"Cannot update container {cell.id}: "):
            await _update(cell, outside, checked)
    return warnings


async def _update(cell: Cell, outside: Outside, request: UpdateRequest) -> None:
    record = cell.record
    if record.state.status in (Status.REMOVING, Status.DEAD):
        raise Conflict('container is marked for removal and cannot be "update"')
    host = merged(record.host, request)
    # A policy alone is nothing to the runtime, which refuses a process that has just ended.
    reaches_it = record.state.alive and bool(_limits(request))
    plan = await current_plan(cell, outside) if reaches_it else None
    if plan is not None:
        await _apply(cell, outside, plan, host)
    try:
        changed = replace(record, host=host)
        await outside.journal.commit(
            Batch().put(to_document(changed)).event(event(changed, "update"))
        )
    except EngineError:
        if plan is not None:
            await _restore(cell, outside, plan)
        raise
    cell.record = changed
    cell.preparation = None  # its spec has the old limits
    cell.plan = None if plan is None else replace(plan, host=host)


async def _apply(cell: Cell, outside: Outside, plan: SpecPlan, host: HostConfig) -> None:
    try:
        await outside.runtime.tasks.update(cell.id, encoded(host, plan))
    except EngineError as error:
        await _restore(cell, outside, plan)
        text = str(error)
        if any(each in text for each in _KERNELS_NO):
            raise InvalidParameter(text) from error
        raise


async def _restore(cell: Cell, outside: Outside, plan: SpecPlan) -> None:
    """The runtime writes one file after the other: some may have taken the new value."""
    try:
        await outside.runtime.tasks.update(cell.id, encoded(cell.record.host, plan))
    except EngineError as error:
        log.warning("container %s: putting its limits back: %s", cell.id[:12], error)


def encoded(host: HostConfig, plan: SpecPlan) -> bytes:
    """OCI LinuxResources of what may be changed; `plan` tells of the cgroups' kind."""
    sections = limits(replace(host, **_NOT_IN_UPDATES), plan)
    if host.memory_swap == -1:
        sections.setdefault("memory", {})["swap"] = -1
    if host.pids_limit is not None and host.pids_limit <= 0:
        sections["pids"] = {"limit": -1}  # what takes an earlier limit off
    return msgspec.json.encode(sections)


def merged(host: HostConfig, request: UpdateRequest) -> HostConfig:
    """The host config with what the request names; Conflict where that contradicts what is there."""
    _check_cpu(host, request)
    _check_swap(host, request)
    wanted = request.restart_policy
    if host.auto_remove and wanted.name not in ("", "no"):
        raise Conflict(
            "Restart policy cannot be updated because AutoRemove is enabled for the container"
        )
    changes = _limits(request)
    if wanted.name:
        changes["restart_policy"] = RestartPolicy(
            name=wanted.name, maximum_retry_count=wanted.maximum_retry_count
        )
    return replace(host, **changes)


def _limits(request: UpdateRequest) -> dict[str, Any]:
    """Those that the request names."""
    named: dict[str, Any] = {
        name: value for name in (*_NUMBERS, *_OTHERS) if (value := getattr(request, name))
    }
    if request.pids_limit is not None:
        named["pids_limit"] = request.pids_limit
    return named


def _check_cpu(present: Resources, wanted: Resources) -> None:
    conflicts = (
        (wanted.nano_cpus, present.cpu_period, "Nano CPUs", "CPU Period"),
        (wanted.nano_cpus, present.cpu_quota, "Nano CPUs", "CPU Quota"),
        (wanted.cpu_period, present.nano_cpus, "CPU Period", "NanoCPUs"),
        (wanted.cpu_quota, present.nano_cpus, "CPU Quota", "NanoCPUs"),
    )
    for new, old, name, set_before in conflicts:
        if new > 0 and old > 0:
            raise Conflict(
                f"Conflicting options: {name} cannot be updated as {set_before} has already been set"
            )


def _check_swap(present: Resources, wanted: Resources) -> None:
    """Without a limit of swap (-1) any limit of memory will do."""
    if wanted.memory > present.memory_swap != -1 and wanted.memory_swap == 0:
        raise Conflict(
            "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time"
        )
