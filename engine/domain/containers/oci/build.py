"""Putting the OCI runtime spec together. Pure: the same plan gives the same spec."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.domain.containers.oci.mounts import build_mounts, rootfs_propagation
from engine.domain.containers.oci.plan import HOST, NEW, IdMapping, SpecPlan
from engine.domain.containers.oci.process import build_process
from engine.domain.containers.oci.resources import build_resources, device_nodes
from engine.domain.containers.oci.seccomp import resolve_profile

OCI_VERSION = "1.0.2"

DEFAULT_MASKED_PATHS = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
DEFAULT_READONLY_PATHS = (
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
)


def build_spec(plan: SpecPlan) -> dict[str, Any]:
    """The spec, JSON-ready; raises InvalidParameter for capabilities, rules or profiles that
    cannot be read."""
    process = build_process(plan)
    spec: dict[str, Any] = {
        "ociVersion": OCI_VERSION,
        "process": process,
        "root": {"path": plan.rootfs},
        "mounts": build_mounts(plan),
        "linux": _linux(plan, process["capabilities"]["bounding"]),
    }
    if plan.host.readonly_rootfs:
        spec["root"]["readonly"] = True
    if plan.hostname and plan.namespaces.uts != HOST:
        spec["hostname"] = plan.hostname
    if annotations := {**plan.host.annotations, **plan.annotations}:
        spec["annotations"] = annotations
    return spec


def encode_spec(spec: dict[str, Any]) -> bytes:
    """The spec as containerd's container record and a bundle's config.json hold it."""
    return msgspec.json.encode(spec)


def _linux(plan: SpecPlan, bounding: list[str]) -> dict[str, Any]:
    masked, readonly = _paths(plan)
    linux = {
        "uidMappings": [_mapping(each) for each in plan.uid_mappings],
        "gidMappings": [_mapping(each) for each in plan.gid_mappings],
        "sysctl": _sysctls(plan),
        "resources": build_resources(plan),
        "cgroupsPath": plan.cgroups_path,
        "namespaces": _namespaces(plan),
        "devices": device_nodes(plan),
        "seccomp": resolve_profile(plan, bounding),
        "rootfsPropagation": rootfs_propagation(plan.mounts),
        "maskedPaths": masked,
        "readonlyPaths": readonly,
        "mountLabel": plan.mount_label,
    }
    return {name: value for name, value in linux.items() if value}


def _namespaces(plan: SpecPlan) -> list[dict[str, str]]:
    wanted = plan.namespaces
    by_type = {
        "network": wanted.network,
        "uts": wanted.uts,
        "pid": wanted.pid,
        "ipc": wanted.ipc,
        "cgroup": wanted.cgroup,
        "user": wanted.user,
    }
    entries = [{"type": "mount"}]
    for kind, place in by_type.items():
        if place == NEW:
            entries.append({"type": kind})
        elif place != HOST:
            entries.append({"type": kind, "path": place})
    return entries


def _sysctls(plan: SpecPlan) -> dict[str, str]:
    """Any port and ping without a capability, as dockerd has it since 20.10."""
    sysctls: dict[str, str] = {}
    if plan.namespaces.network != HOST:
        sysctls["net.ipv4.ip_unprivileged_port_start"] = "0"
        if not plan.uid_mappings:  # a group beyond the mapping is refused
            sysctls["net.ipv4.ping_group_range"] = "0 2147483647"
    if plan.config.domainname:
        sysctls["kernel.domainname"] = plan.config.domainname
    return {**sysctls, **plan.host.sysctls}


def _paths(plan: SpecPlan) -> tuple[list[str], list[str]]:
    if plan.host.privileged:
        return [], []
    masked, readonly = plan.host.masked_paths, plan.host.readonly_paths
    return (
        list(DEFAULT_MASKED_PATHS) if masked is None else list(masked),
        list(DEFAULT_READONLY_PATHS) if readonly is None else list(readonly),
    )


def _mapping(mapping: IdMapping) -> dict[str, int]:
    return {
        "containerID": mapping.container_id,
        "hostID": mapping.host_id,
        "size": mapping.size,
    }
