from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from engine.domain.containers.stats import check
from engine.errors import InvalidParameter, Unavailable
from engine.models.containers import ZERO_TIME
from tests.engine.domain.containers.rooms import running

USED = (2, {"cpu": {"usage_usec": 1500}, "memory": {"usage": 4096, "usage_limit": 1 << 60}})


async def test_one_shot_is_a_single_look(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        daemon.runtime.tasks.metrics = USED
        daemon.machine.host.counters = {"eth0": {"rx_bytes": 7}}
        found = await daemon.containers.stats("web", one_shot=True)
        assert (found["name"], found["id"]) == ("/web", cell.id)
        assert found["cpu_stats"]["cpu_usage"]["total_usage"] == 1_500_000
        assert found["memory_stats"]["limit"] == 8 << 30  # never above the machine's
        assert found["networks"] == {"eth0": {"rx_bytes": 7}}
        assert (found["preread"], found["read"] != ZERO_TIME) == (ZERO_TIME, True)


async def test_otherwise_the_sample_of_a_second_before_is_in_it(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        await daemon.run("web")
        daemon.runtime.tasks.metrics = USED
        begun = trio.current_time()
        found = await daemon.containers.stats("web", one_shot=False)
        assert trio.current_time() - begun >= 0.99
        assert found["preread"] != ZERO_TIME
        passed = found["cpu_stats"]["system_cpu_usage"] - found["precpu_stats"]["system_cpu_usage"]
        assert passed == 1_000_000_000


async def test_container_that_does_not_run_has_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.create("web")
        found = await daemon.containers.stats("web", one_shot=False)
        assert (found["read"], found["memory_stats"]) == (ZERO_TIME, {})
        assert "networks" not in found


async def test_hosts_network_is_not_counted_as_the_containers(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.run("web", network_mode="host")
        daemon.machine.host.counters = {"eth0": {"rx_bytes": 7}}
        assert "networks" not in await daemon.containers.stats("web", one_shot=True)


async def test_stream_goes_on_over_outages_and_runs_until_the_removal(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        await daemon.run("web")
        daemon.runtime.tasks.metrics = USED
        pids: list[bool] = []
        async for each in daemon.containers.stats_stream("web"):
            pids.append(bool(each["memory_stats"]))
            if len(pids) == 1:
                daemon.runtime.failures["tasks.usage"] = Unavailable("away")
            elif len(pids) == 2:
                await daemon.containers.stop("web")
            elif len(pids) == 3:
                await daemon.containers.remove("web")
        assert pids == [True, True, False]


def test_stream_of_one_shots_is_refused() -> None:
    check(streaming=True, one_shot=False)
    with pytest.raises(InvalidParameter, match=r"^cannot have stream=true and one-shot=true$"):
        check(streaming=True, one_shot=True)
