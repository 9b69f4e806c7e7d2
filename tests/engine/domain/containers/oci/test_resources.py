from __future__ import annotations

import pytest

from engine.domain.containers.oci.plan import HostDevice
from engine.domain.containers.oci.resources import (
    build_resources,
    device_nodes,
    device_rules,
    limits,
)
from engine.errors import InvalidParameter
from engine.models.containers import HostConfig, ThrottleDevice, WeightDevice
from tests.engine.domain.containers.oci.plans import plan


def test_unlimited_container_has_only_device_rules() -> None:
    section = build_resources(plan(host=HostConfig()))
    assert list(section) == ["devices"]
    assert section["devices"][0] == {"allow": False, "access": "rwm"}
    assert len(section["devices"]) == 8


def test_limits_are_those_that_dockerd_writes() -> None:
    host = HostConfig(
        memory=64 << 20,
        memory_swap=128 << 20,
        memory_reservation=32 << 20,
        memory_swappiness=10,
        oom_kill_disable=True,
        nano_cpus=1_500_000_000,
        cpuset_cpus="0",
        pids_limit=50,
        blkio_weight=300,
    )
    assert limits(host, plan()) == {
        "memory": {
            "limit": 64 << 20,
            "reservation": 32 << 20,
            "swap": 128 << 20,
            "swappiness": 10,
            "disableOOMKiller": True,
        },
        "cpu": {"quota": 150000, "period": 100000, "cpus": "0"},
        "pids": {"limit": 50},
        "blockIO": {"weight": 300},
    }


def test_cgroup_v2_has_neither_swappiness_nor_an_oom_switch() -> None:
    host = HostConfig(memory=1 << 24, memory_swappiness=10, oom_kill_disable=True)
    assert limits(host, plan(cgroup_v2=True))["memory"] == {"limit": 1 << 24}


def test_unlimited_pids_and_swap_are_left_to_the_fresh_cgroup() -> None:
    assert limits(HostConfig(pids_limit=-1, memory_swap=-1, memory_swappiness=-1), plan()) == {}


def test_block_limits_carry_device_numbers() -> None:
    host = HostConfig(
        blkio_weight_device=[WeightDevice(path="/dev/sda", weight=20)],
        blkio_device_read_iops=[ThrottleDevice(path="/dev/sda", rate=5)],
    )
    section = limits(host, plan(block_devices={"/dev/sda": (8, 0)}))["blockIO"]
    assert section["weightDevice"] == [{"major": 8, "minor": 0, "weight": 20}]
    assert section["throttleReadIOPSDevice"] == [{"major": 8, "minor": 0, "rate": 5}]
    with pytest.raises(InvalidParameter):
        limits(host, plan())


def test_devices_are_made_and_allowed() -> None:
    of = plan(
        devices=(HostDevice(path="/dev/x", type="c", major=1, minor=3, access="r"),),
        host=HostConfig(device_cgroup_rules=["c 1:3 mr", "a *:* rwm"]),
    )
    assert device_rules(of)[8:] == [
        {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "r"},
        {"allow": True, "type": "c", "access": "mr", "major": 1, "minor": 3},
        {"allow": True, "type": "a", "access": "rwm"},
    ]
    assert device_nodes(of) == [
        {
            "path": "/dev/x",
            "type": "c",
            "major": 1,
            "minor": 3,
            "fileMode": 0o666,
            "uid": 0,
            "gid": 0,
        }
    ]


def test_privileged_may_use_everything() -> None:
    assert device_rules(plan(host=HostConfig(privileged=True)))[-1] == {
        "allow": True,
        "access": "rwm",
    }


def test_bad_device_rule_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="invalid device cgroup rule format: 'x 1:3 r'"):
        device_rules(plan(host=HostConfig(device_cgroup_rules=["x 1:3 r"])))
