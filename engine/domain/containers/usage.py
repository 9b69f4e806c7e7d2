"""From containerd's metrics to the numbers of GET /containers/{id}/stats (row 74). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from engine.models.containers import ZERO_TIME

Section = dict[str, Any]

_BLKIO = {
    "io_service_bytes_recursive": "io_service_bytes_recursive",
    "io_serviced_recursive": "io_serviced_recursive",
    "io_queue_recursive": "io_queued_recursive",
    "io_service_time_recursive": "io_service_time_recursive",
    "io_wait_time_recursive": "io_wait_time_recursive",
    "io_merged_recursive": "io_merged_recursive",
    "io_time_recursive": "io_time_recursive",
    "sectors_recursive": "sectors_recursive",
}
_V1_MEMORY = {
    "cache": "cache",
    "rss": "rss",
    "rss_huge": "rss_huge",
    "mapped_file": "mapped_file",
    "dirty": "dirty",
    "writeback": "writeback",
    "pgpgin": "pg_pg_in",
    "pgpgout": "pg_pg_out",
    "pgfault": "pg_fault",
    "pgmajfault": "pg_maj_fault",
    "inactive_anon": "inactive_anon",
    "active_anon": "active_anon",
    "inactive_file": "inactive_file",
    "active_file": "active_file",
    "unevictable": "unevictable",
}
_V1_MEMORY |= {f"total_{shown}": f"total_{name}" for shown, name in _V1_MEMORY.items()}
_V1_MEMORY |= {
    "hierarchical_memory_limit": "hierarchical_memory_limit",
    "hierarchical_memsw_limit": "hierarchical_swap_limit",
}
_V2_MEMORY_LEFT_OUT = frozenset({"usage", "usage_limit", "swap_usage", "swap_limit"})

NO_CPU: Section = {
    "cpu_usage": {"total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0},
    "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
}


def nothing(name: str, container_id: str) -> Section:
    """Of a container that does not run."""
    return {
        "read": ZERO_TIME,
        "preread": ZERO_TIME,
        "pids_stats": {},
        "blkio_stats": dict.fromkeys(_BLKIO),
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": NO_CPU,
        "precpu_stats": NO_CPU,
        "memory_stats": {},
        "name": f"/{name}",
        "id": container_id,
    }


def sections(
    version: int,
    metrics: Mapping[str, Any],
    *,
    system_cpu: int,
    cpus: int,
    machine_memory: int,
) -> Section:
    """pids, blkio, cpu and memory. CPU times in nanoseconds; memory limits are never above the machine's."""
    cpu, memory, blkio = (_v1 if version == 1 else _v2)(metrics)
    if memory.get("limit", 0) > machine_memory > 0:
        memory["limit"] = machine_memory
    pids = metrics.get("pids") or {}
    return {
        "pids_stats": {name: value for name in ("current", "limit") if (value := pids.get(name))},
        "blkio_stats": blkio,
        "cpu_stats": {**cpu, "system_cpu_usage": system_cpu, "online_cpus": cpus},
        "memory_stats": {name: value for name, value in memory.items() if value},
    }


def _v1(metrics: Mapping[str, Any]) -> tuple[Section, Section, Section]:
    cpu = metrics.get("cpu") or {}
    used, throttled = cpu.get("usage") or {}, cpu.get("throttling") or {}
    memory = metrics.get("memory") or {}
    whole = memory.get("usage") or {}
    blkio = metrics.get("blkio") or {}
    return (
        _cpu(
            used.get("total", 0),
            used.get("kernel", 0),
            used.get("user", 0),
            (throttled.get(each, 0) for each in ("periods", "throttled_periods", "throttled_time")),
            used.get("per_cpu") or [],
        ),
        {
            "usage": whole.get("usage", 0),
            "max_usage": whole.get("max", 0),
            "stats": {shown: memory.get(name, 0) for shown, name in sorted(_V1_MEMORY.items())},
            "failcnt": whole.get("failcnt", 0),
            "limit": whole.get("limit", 0),
        },
        {shown: _entries(blkio.get(name) or ()) for shown, name in _BLKIO.items()},
    )


def _v2(metrics: Mapping[str, Any]) -> tuple[Section, Section, Section]:
    cpu = metrics.get("cpu") or {}
    memory = metrics.get("memory") or {}
    throttled = (cpu.get(each, 0) for each in ("nr_periods", "nr_throttled"))
    moved = [
        {"major": each["major"], "minor": each["minor"], "op": op, "value": each[field]}
        for each in (metrics.get("io") or {}).get("usage") or ()
        for op, field in (("read", "rbytes"), ("write", "wbytes"))
    ]
    return (
        _cpu(
            cpu.get("usage_usec", 0) * 1000,
            cpu.get("system_usec", 0) * 1000,
            cpu.get("user_usec", 0) * 1000,
            (*throttled, cpu.get("throttled_usec", 0) * 1000),
            [],
        ),
        {
            "usage": memory.get("usage", 0),
            "stats": {
                name: value
                for name, value in sorted(memory.items())
                if name not in _V2_MEMORY_LEFT_OUT
            },
            "failcnt": (metrics.get("memory_events") or {}).get("oom", 0),
            "limit": memory.get("usage_limit", 0),
        },
        {**dict.fromkeys(_BLKIO), "io_service_bytes_recursive": moved or None},
    )


def _cpu(
    total: int, kernel: int, user: int, throttling: Iterable[int], per_cpu: list[int]
) -> Section:
    usage: Section = {"total_usage": total}
    if per_cpu:
        usage["percpu_usage"] = per_cpu
    usage |= {"usage_in_kernelmode": kernel, "usage_in_usermode": user}
    names = ("periods", "throttled_periods", "throttled_time")
    return {"cpu_usage": usage, "throttling_data": dict(zip(names, throttling, strict=True))}


def _entries(entries: Iterable[Mapping[str, Any]]) -> list[Section]:
    return [{name: each[name] for name in ("major", "minor", "op", "value")} for each in entries]
