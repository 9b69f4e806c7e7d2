from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.domain.containers.update import encoded, merged
from engine.errors import Conflict, EngineError, InvalidParameter, SystemFailure
from engine.models.containers import HostConfig, RestartPolicy, ThrottleDevice, UpdateRequest
from tests.engine.domain.containers.oci.plans import plan
from tests.engine.domain.containers.rooms import running

MB = 1 << 20


def limits_of(host: HostConfig) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(encoded(host, plan()))
    return found


def test_only_what_is_named_changes() -> None:
    host = HostConfig(memory=64 * MB, memory_swap=128 * MB, cpu_shares=5, pids_limit=9)
    changed = merged(host, UpdateRequest(cpu_shares=7))
    assert (changed.cpu_shares, changed.memory, changed.pids_limit) == (7, 64 * MB, 9)
    assert changed.restart_policy == host.restart_policy


def test_the_restart_policy_changes_alone() -> None:
    policy = RestartPolicy(name="on-failure", maximum_retry_count=3)
    assert merged(HostConfig(), UpdateRequest(restart_policy=policy)).restart_policy == policy


def test_auto_remove_and_a_restart_policy_exclude_each_other() -> None:
    host = HostConfig(auto_remove=True)
    with pytest.raises(Conflict, match="because AutoRemove is enabled"):
        merged(host, UpdateRequest(restart_policy=RestartPolicy(name="always")))
    merged(host, UpdateRequest(restart_policy=RestartPolicy(name="no")))


@pytest.mark.parametrize(
    ("host", "request_", "text"),
    [
        (HostConfig(cpu_period=1000), UpdateRequest(nano_cpus=1), "Nano CPUs .* as CPU Period"),
        (HostConfig(cpu_quota=1000), UpdateRequest(nano_cpus=1), "Nano CPUs .* as CPU Quota"),
        (HostConfig(nano_cpus=1), UpdateRequest(cpu_period=1000), "CPU Period .* as NanoCPUs"),
        (HostConfig(nano_cpus=1), UpdateRequest(cpu_quota=1000), "CPU Quota .* as NanoCPUs"),
    ],
)
def test_two_ways_of_limiting_cpus_exclude_each_other(
    host: HostConfig, request_: UpdateRequest, text: str
) -> None:
    with pytest.raises(Conflict, match=f"Conflicting options: {text} has already been set"):
        merged(host, request_)


def test_memory_stays_below_the_swap_limit_that_is_there() -> None:
    host = HostConfig(memory=64 * MB, memory_swap=128 * MB)
    with pytest.raises(Conflict, match="already set memoryswap limit"):
        merged(host, UpdateRequest(memory=256 * MB))
    both = merged(host, UpdateRequest(memory=256 * MB, memory_swap=512 * MB))
    assert both.memory == 256 * MB
    unlimited = HostConfig(memory=64 * MB, memory_swap=-1)
    assert merged(unlimited, UpdateRequest(memory=256 * MB)).memory == 256 * MB


def test_the_runtime_is_told_all_limits_that_may_change() -> None:
    sent = limits_of(HostConfig(memory=64 * MB, memory_swap=128 * MB, nano_cpus=500_000_000))
    assert sent == {
        "memory": {"limit": 64 * MB, "swap": 128 * MB},
        "cpu": {"quota": 50_000, "period": 100_000},
    }


def test_what_is_unlimited_again_is_told_as_minus_one() -> None:
    sent = limits_of(HostConfig(memory=64 * MB, memory_swap=-1, pids_limit=0))
    assert sent == {"memory": {"limit": 64 * MB, "swap": -1}, "pids": {"limit": -1}}


def test_throttled_devices_are_no_part_of_an_update() -> None:
    throttled = [ThrottleDevice(path="/dev/nosuch", rate=1)]
    assert limits_of(HostConfig(blkio_device_read_bps=throttled, oom_kill_disable=False)) == {}


@pytest.mark.parametrize(
    ("said", "kind"),
    [("memory.max: invalid argument: unknown", InvalidParameter), ("no shim", SystemFailure)],
)
async def test_a_limit_that_the_kernel_does_not_take_is_the_requests_fault(
    tmp_path: Path, said: str, kind: type[EngineError]
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        daemon.runtime.failures["tasks.update"] = SystemFailure(said)
        with pytest.raises(kind, match="Cannot update container"):
            await daemon.containers.update("web", UpdateRequest(cpu_shares=7))
        assert cell.record.host.cpu_shares == 0


async def test_a_policy_alone_is_nothing_to_the_runtime(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        daemon.runtime.failures["tasks.update"] = SystemFailure("it has just ended")
        policy = RestartPolicy(name="always")
        await daemon.containers.update("web", UpdateRequest(restart_policy=policy))
        assert cell.record.host.restart_policy == policy
        with pytest.raises(SystemFailure):
            await daemon.containers.update("web", UpdateRequest(cpu_shares=7))
