"""Checking resource limits: what cannot be is refused, what the kernel lacks is discarded.

Texts and order are dockerd's; `check_limits` serves create and update.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from engine.domain.containers.sysinfo import SysInfo
from engine.errors import InvalidParameter
from engine.models.containers import Resources

R = TypeVar("R", bound=Resources)

MINIMUM_MEMORY = 6 << 20
_NOT_MOUNTED = "or the cgroup is not mounted."


class Draft:
    """The changes that discarding makes to the resources, and the warnings about them."""

    def __init__(self) -> None:
        self.changes: dict[str, Any] = {}
        self.warnings: list[str] = []

    def discard(self, warning: str, **changes: Any) -> None:
        self.warnings.append(warning)
        self.changes.update(changes)


def check_limits(resources: R, info: SysInfo, *, update: bool = False) -> tuple[R, list[str]]:
    """The resources with what is unsupported taken out, and the warnings that say so."""
    draft = Draft()
    _memory(resources, info, draft)
    _swap(resources, info, draft, update=update)
    for check in (_swappiness, _reservation, _oom, _pids):
        check(resources, info, draft)
    _nano_cpus(resources, info)
    _cpu_time(resources, info, draft)
    _cpuset(resources, info, draft)
    _blkio(resources, info, draft)
    _blkio_throttles(resources, info, draft)
    return msgspec.structs.replace(resources, **draft.changes), draft.warnings


def parse_set(text: str) -> set[int]:
    """`0-2,4` to numbers; raises ValueError with dockerd's text."""
    numbers: set[int] = set()
    for part in filter(None, text.split(",")):
        low, dash, high = part.partition("-")
        if not low.isdecimal() or (dash and not high.isdecimal()):
            raise ValueError(f"invalid format: {text}")
        first, last = int(low), int(high or low)
        if last < first or last > 8192:
            raise ValueError(f"invalid format: {text}")
        numbers.update(range(first, last + 1))
    return numbers


def _memory(resources: Resources, info: SysInfo, draft: Draft) -> None:
    if resources.memory != 0 and resources.memory < MINIMUM_MEMORY:
        raise InvalidParameter("Minimum memory limit allowed is 6MB")
    if resources.memory > 0 and not info.memory_limit:
        draft.discard(
            f"Your kernel does not support memory limit capabilities {_NOT_MOUNTED} "
            "Limitation discarded.",
            memory=0,
            memory_swap=-1,
        )


def _swap(resources: Resources, info: SysInfo, draft: Draft, *, update: bool) -> None:
    memory = draft.changes.get("memory", resources.memory)
    swap = draft.changes.get("memory_swap", resources.memory_swap)
    if memory > 0 and swap != -1 and not info.swap_limit:
        draft.discard(
            f"Your kernel does not support swap limit capabilities {_NOT_MOUNTED} "
            "Memory limited without swap.",
            memory_swap=-1,
        )
        return
    if memory > 0 and 0 < swap < memory:
        raise InvalidParameter(
            "Minimum memoryswap limit should be larger than memory limit, see usage"
        )
    if memory == 0 and swap > 0 and not update:
        raise InvalidParameter(
            "You should always set the Memory limit when using Memoryswap limit, see usage"
        )


def _swappiness(resources: Resources, info: SysInfo, draft: Draft) -> None:
    value = resources.memory_swappiness
    if value is None:
        return
    if value != -1 and not info.memory_swappiness:
        draft.discard(
            f"Your kernel does not support memory swappiness capabilities {_NOT_MOUNTED} "
            "Memory swappiness discarded.",
            memory_swappiness=None,
        )
        return
    if not -1 <= value <= 100:
        raise InvalidParameter(f"Invalid value: {value}, valid memory swappiness range is 0-100")
    if value == -1:  # "as the host has it", which is no limit at all
        draft.changes["memory_swappiness"] = None


def _reservation(resources: Resources, info: SysInfo, draft: Draft) -> None:
    wanted = resources.memory_reservation
    if wanted > 0 and not info.memory_reservation:
        draft.discard(
            f"Your kernel does not support memory soft limit capabilities {_NOT_MOUNTED} "
            "Limitation discarded.",
            memory_reservation=0,
        )
        return
    if 0 < wanted < MINIMUM_MEMORY:
        raise InvalidParameter("Minimum memory reservation allowed is 6MB")
    if 0 < resources.memory < wanted:
        raise InvalidParameter(
            "Minimum memory limit can not be less than memory reservation limit, see usage"
        )


def _oom(resources: Resources, info: SysInfo, draft: Draft) -> None:
    if not resources.oom_kill_disable:
        return
    if not info.oom_kill_disable:
        draft.discard(
            "Your kernel does not support OomKillDisable. OomKillDisable discarded.",
            oom_kill_disable=None,
        )
    elif resources.memory == 0:
        draft.warnings.append(
            "OOM killer is disabled for the container, but no memory limit is set, "
            "this can result in the system running out of resources."
        )


def _pids(resources: Resources, info: SysInfo, draft: Draft) -> None:
    if resources.pids_limit and resources.pids_limit > 0 and not info.pids_limit:
        draft.discard(
            f"Your kernel does not support PIDs limit capabilities {_NOT_MOUNTED} "
            "PIDs limit discarded.",
            pids_limit=None,
        )


def _nano_cpus(resources: Resources, info: SysInfo) -> None:
    wanted = resources.nano_cpus
    if wanted > 0 and resources.cpu_period > 0:
        raise InvalidParameter("Conflicting options: Nano CPUs and CPU Period cannot both be set")
    if wanted > 0 and resources.cpu_quota > 0:
        raise InvalidParameter("Conflicting options: Nano CPUs and CPU Quota cannot both be set")
    if wanted > 0 and not info.cpu_cfs:
        raise InvalidParameter(
            "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler "
            "or the cgroup is not mounted"
        )
    if not 0 <= wanted <= info.ncpu * 1_000_000_000:
        raise InvalidParameter(
            f"Range of CPUs is from 0.01 to {info.ncpu}.00, "
            f"as there are only {info.ncpu} CPUs available"
        )


def _cpu_time(resources: Resources, info: SysInfo, draft: Draft) -> None:
    if resources.cpu_shares > 0 and not info.cpu_shares:
        draft.discard(
            f"Your kernel does not support CPU shares {_NOT_MOUNTED} Shares discarded.",
            cpu_shares=0,
        )
    if (resources.cpu_period or resources.cpu_quota) and not info.cpu_cfs:
        draft.discard(
            "Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.",
            cpu_period=0,
            cpu_quota=0,
        )
    elif resources.cpu_period and not 1000 <= resources.cpu_period <= 1_000_000:
        raise InvalidParameter(
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"
        )
    elif 0 < resources.cpu_quota < 1000:
        raise InvalidParameter("CPU cfs quota can not be less than 1ms (i.e. 1000)")
    if resources.cpu_percent > 0:
        draft.discard("linux does not support CPU percent. Percent discarded.", cpu_percent=0)
    _realtime(resources, info)


def _realtime(resources: Resources, info: SysInfo) -> None:
    period, runtime = resources.cpu_realtime_period, resources.cpu_realtime_runtime
    if period > 0 and not info.cpu_realtime:
        raise InvalidParameter("Your kernel does not support CPU real-time scheduler")
    if runtime > 0 and not info.cpu_realtime:
        raise InvalidParameter("Your kernel does not support CPU real-time scheduler")
    if period and runtime > period:
        raise InvalidParameter("cpu real-time runtime cannot be higher than cpu real-time period")


def _cpuset(resources: Resources, info: SysInfo, draft: Draft) -> None:
    if (resources.cpuset_cpus or resources.cpuset_mems) and not info.cpuset:
        draft.discard(
            f"Your kernel does not support cpuset {_NOT_MOUNTED} Cpuset discarded.",
            cpuset_cpus="",
            cpuset_mems="",
        )
        return
    _available(resources.cpuset_cpus, info.cpus, "cpus", "CPUs")
    _available(resources.cpuset_mems, info.mems, "mems", "memory nodes")


def _available(wanted: str, there: str, kind: str, title: str) -> None:
    try:
        numbers = parse_set(wanted)
    except ValueError as error:
        raise InvalidParameter(f"Invalid value {wanted} for cpuset {kind}: {error}") from error
    if not numbers <= parse_set(there):
        raise InvalidParameter(
            f"Requested {title} are not available - requested {wanted}, available: {there}"
        )


def _blkio(resources: Resources, info: SysInfo, draft: Draft) -> None:
    if resources.blkio_weight > 0 and not info.blkio_weight:
        draft.discard(
            f"Your kernel does not support Block I/O weight {_NOT_MOUNTED} Weight discarded.",
            blkio_weight=0,
        )
    elif resources.blkio_weight and not 10 <= resources.blkio_weight <= 1000:
        raise InvalidParameter("Range of blkio weight is from 10 to 1000")
    for name, value in (
        ("bandwidth", resources.io_maximum_bandwidth),
        ("IOPs", resources.io_maximum_iops),
    ):
        if value:
            raise InvalidParameter(
                f"Invalid QoS settings: linux does not support configuration of maximum {name}"
            )


def _blkio_throttles(resources: Resources, info: SysInfo, draft: Draft) -> None:
    rows = (
        (
            "blkio_weight_device",
            info.blkio_weight_device,
            "Block I/O weight_device",
            "Weight-device",
        ),
        (
            "blkio_device_read_bps",
            info.blkio_read_bps,
            "BPS Block I/O read limit",
            "Block I/O BPS read limit",
        ),
        (
            "blkio_device_write_bps",
            info.blkio_write_bps,
            "BPS Block I/O write limit",
            "Block I/O BPS write limit",
        ),
        (
            "blkio_device_read_iops",
            info.blkio_read_iops,
            "IOPS Block read limit",
            "Block I/O IOPS read limit",
        ),
        (
            "blkio_device_write_iops",
            info.blkio_write_iops,
            "IOPS Block write limit",
            "Block I/O IOPS write limit",
        ),
    )
    for name, supported, what, short in rows:
        if getattr(resources, name) and not supported:
            draft.discard(
                f"Your kernel does not support {what} {_NOT_MOUNTED} {short} discarded.",
                **{name: None},
            )
