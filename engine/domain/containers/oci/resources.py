"""The spec's cgroup part: limits and the devices that the container may use."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from engine.domain.containers.oci.plan import SpecPlan
from engine.errors import InvalidParameter
from engine.models.containers import Resources, ThrottleDevice

Section = dict[str, Any]

_CPU_PERIOD = 100_000  # microseconds; what NanoCpus is a quota of
_DEVICE_RULE = re.compile(r"^([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})$")

# null, zero, full, random, urandom, tty, console are for everyone; fuse is refused by name, as
# dockerd does it.
_DEFAULT_RULES: tuple[Section, ...] = (
    {"allow": False, "access": "rwm"},
    {"allow": True, "type": "c", "major": 1, "minor": 5, "access": "rwm"},
    {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"},
    {"allow": True, "type": "c", "major": 1, "minor": 9, "access": "rwm"},
    {"allow": True, "type": "c", "major": 1, "minor": 8, "access": "rwm"},
    {"allow": True, "type": "c", "major": 5, "minor": 0, "access": "rwm"},
    {"allow": True, "type": "c", "major": 5, "minor": 1, "access": "rwm"},
    {"allow": False, "type": "c", "major": 10, "minor": 229, "access": "rwm"},
)


def build_resources(plan: SpecPlan) -> Section:
    """linux.resources, with only what is limited."""
    return {"devices": device_rules(plan), **limits(plan.host, plan)}


def limits(resources: Resources, plan: SpecPlan) -> Section:
    """The limits alone, as Tasks.Update takes them for POST /containers/{id}/update."""
    sections = {
        "memory": _memory(resources, cgroup_v2=plan.cgroup_v2),
        "cpu": _cpu(resources),
        "pids": _pids(resources),
        "blockIO": _block_io(resources, plan),
    }
    return {name: section for name, section in sections.items() if section}


def device_rules(plan: SpecPlan) -> list[Section]:
    """The device cgroup's list; privileged containers may use everything."""
    rules = [dict(rule) for rule in _DEFAULT_RULES]
    if plan.host.privileged:
        return [*rules, {"allow": True, "access": "rwm"}]
    rules += [
        {
            "allow": True,
            "type": device.type,
            "major": device.major,
            "minor": device.minor,
            "access": device.access,
        }
        for device in plan.devices
    ]
    return [*rules, *(_parsed_rule(rule) for rule in plan.host.device_cgroup_rules or ())]


def device_nodes(plan: SpecPlan) -> list[Section]:
    """linux.devices: the nodes that the runtime makes below /dev."""
    return [
        {
            "path": device.path,
            "type": device.type,
            "major": device.major,
            "minor": device.minor,
            "fileMode": device.file_mode,
            "uid": device.uid,
            "gid": device.gid,
        }
        for device in plan.devices
    ]


def _parsed_rule(rule: str) -> Section:
    match = _DEVICE_RULE.match(rule)
    if match is None:
        raise InvalidParameter(f"invalid device cgroup rule format: '{rule}'")
    kind, major, minor, access = match.groups()
    section: Section = {"allow": True, "type": kind, "access": access}
    if major != "*":
        section["major"] = int(major)
    if minor != "*":
        section["minor"] = int(minor)
    return section


def _memory(resources: Resources, *, cgroup_v2: bool) -> Section:
    memory: Section = {}
    if resources.memory > 0:
        memory["limit"] = resources.memory
    if resources.memory_reservation > 0:
        memory["reservation"] = resources.memory_reservation
    if resources.memory_swap > 0:
        memory["swap"] = resources.memory_swap
    if cgroup_v2:  # it has no switch for the OOM killer and no swappiness
        return memory
    if resources.memory_swappiness is not None and resources.memory_swappiness >= 0:
        memory["swappiness"] = resources.memory_swappiness
    if resources.oom_kill_disable is not None:
        memory["disableOOMKiller"] = resources.oom_kill_disable
    if resources.kernel_memory_tcp > 0:
        memory["kernelTCP"] = resources.kernel_memory_tcp
    return memory


def _cpu(resources: Resources) -> Section:
    quota, period = resources.cpu_quota, resources.cpu_period
    if resources.nano_cpus > 0:
        quota, period = resources.nano_cpus * _CPU_PERIOD // 1_000_000_000, _CPU_PERIOD
    wanted = {
        "shares": resources.cpu_shares,
        "quota": quota,
        "period": period,
        "realtimeRuntime": resources.cpu_realtime_runtime,
        "realtimePeriod": resources.cpu_realtime_period,
        "cpus": resources.cpuset_cpus,
        "mems": resources.cpuset_mems,
    }
    return {name: value for name, value in wanted.items() if value}


def _pids(resources: Resources) -> Section:
    """0 and -1 are unlimited, which is how a fresh cgroup is."""
    limit = resources.pids_limit
    return {"limit": limit} if limit is not None and limit > 0 else {}


def _block_io(resources: Resources, plan: SpecPlan) -> Section:
    section: Section = {}
    if resources.blkio_weight:
        section["weight"] = resources.blkio_weight
    if resources.blkio_weight_device:
        section["weightDevice"] = [
            {**_numbers(plan, device.path), "weight": device.weight}
            for device in resources.blkio_weight_device
        ]
    throttles = {
        "throttleReadBpsDevice": resources.blkio_device_read_bps,
        "throttleWriteBpsDevice": resources.blkio_device_write_bps,
        "throttleReadIOPSDevice": resources.blkio_device_read_iops,
        "throttleWriteIOPSDevice": resources.blkio_device_write_iops,
    }
    for name, devices in throttles.items():
        if devices:
            section[name] = _throttled(plan, devices)
    return section


def _throttled(plan: SpecPlan, devices: Iterable[ThrottleDevice]) -> list[Section]:
    return [{**_numbers(plan, device.path), "rate": device.rate} for device in devices]


def _numbers(plan: SpecPlan, path: str) -> Section:
    if path not in plan.block_devices:
        raise InvalidParameter(f"no such file or directory: {path}")
    major, minor = plan.block_devices[path]
    return {"major": major, "minor": minor}
