from __future__ import annotations

from typing import Any

from engine.domain.containers.usage import nothing, sections

HUGE = 9223372036854771712
V1: dict[str, Any] = {
    "pids": {"current": 3, "limit": 0},
    "cpu": {
        "usage": {"total": 30, "kernel": 10, "user": 20, "per_cpu": [10, 20]},
        "throttling": {"periods": 1, "throttled_periods": 2, "throttled_time": 3},
    },
    "memory": {
        "cache": 5,
        "pg_pg_in": 6,
        "total_pg_pg_in": 7,
        "hierarchical_swap_limit": 8,
        "usage": {"usage": 100, "max": 200, "limit": HUGE, "failcnt": 0},
    },
    "blkio": {
        "io_service_bytes_recursive": [
            {"op": "Read", "device": "/dev/x", "major": 8, "minor": 1, "value": 9}
        ],
        "io_queued_recursive": [],
    },
}
V2: dict[str, Any] = {
    "pids": {"current": 3, "limit": 10},
    "cpu": {
        "usage_usec": 30,
        "system_usec": 10,
        "user_usec": 20,
        "nr_periods": 1,
        "nr_throttled": 2,
        "throttled_usec": 3,
    },
    "memory": {"anon": 5, "usage": 100, "usage_limit": 50, "swap_usage": 1, "swap_limit": 2},
    "memory_events": {"oom": 4},
    "io": {"usage": [{"major": 8, "minor": 1, "rbytes": 6, "wbytes": 7, "rios": 1, "wios": 1}]},
}


def of(version: int, metrics: dict[str, Any]) -> dict[str, Any]:
    return sections(version, metrics, system_cpu=1000, cpus=2, machine_memory=1 << 30)


def test_cgroup_v1_has_dockerds_names() -> None:
    found = of(1, V1)
    assert found["pids_stats"] == {"current": 3}
    assert found["cpu_stats"] == {
        "cpu_usage": {
            "total_usage": 30,
            "percpu_usage": [10, 20],
            "usage_in_kernelmode": 10,
            "usage_in_usermode": 20,
        },
        "throttling_data": {"periods": 1, "throttled_periods": 2, "throttled_time": 3},
        "system_cpu_usage": 1000,
        "online_cpus": 2,
    }
    memory = found["memory_stats"]
    assert (memory["usage"], memory["max_usage"]) == (100, 200)
    assert memory["stats"]["pgpgin"] == 6
    assert memory["stats"]["total_pgpgin"] == 7
    assert memory["stats"]["hierarchical_memsw_limit"] == 8
    blkio = found["blkio_stats"]
    assert blkio["io_service_bytes_recursive"] == [
        {"major": 8, "minor": 1, "op": "Read", "value": 9}
    ]
    assert blkio["io_queue_recursive"] == []


def test_without_a_limit_the_machines_memory_is_the_limit() -> None:
    assert of(1, V1)["memory_stats"]["limit"] == 1 << 30


def test_cgroup_v2_is_told_in_nanoseconds_and_reads_and_writes() -> None:
    found = of(2, V2)
    assert found["pids_stats"] == {"current": 3, "limit": 10}
    assert found["cpu_stats"]["cpu_usage"] == {
        "total_usage": 30_000,
        "usage_in_kernelmode": 10_000,
        "usage_in_usermode": 20_000,
    }
    assert found["cpu_stats"]["throttling_data"]["throttled_time"] == 3000
    assert found["memory_stats"] == {"usage": 100, "stats": {"anon": 5}, "failcnt": 4, "limit": 50}
    assert found["blkio_stats"]["io_service_bytes_recursive"] == [
        {"major": 8, "minor": 1, "op": "read", "value": 6},
        {"major": 8, "minor": 1, "op": "write", "value": 7},
    ]
    assert found["blkio_stats"]["io_serviced_recursive"] is None


def test_metrics_without_parts_are_zero() -> None:
    for version in (1, 2):
        found = of(version, {})
        assert found["cpu_stats"]["cpu_usage"]["total_usage"] == 0
        assert found["pids_stats"] == {}


def test_a_container_that_does_not_run_has_the_same_shape() -> None:
    empty = nothing("name", "id")
    assert (empty["name"], empty["id"], empty["memory_stats"]) == ("/name", "id", {})
    assert set(of(1, V1)) < set(empty)
