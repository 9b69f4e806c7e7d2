from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from engine.domain.containers import exit
from engine.domain.containers.messages import Exited
from engine.domain.containers.records import Status
from engine.errors import SystemFailure, Unavailable
from engine.models.networks import PortBinding
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import running


async def test_exit_is_committed_with_die_before_anybody_hears_of_it(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        waited = daemon.containers.wait("web", "next-exit")
        daemon.runtime.exit(cell.id, 3)
        assert (await waited()).exit_code == 3
        assert cell.record.state.status is Status.EXITED
        assert (cell.record.state.pid, cell.record.state.exit_code) == (0, 3)
        assert cell.record.state.finished_ns >= cell.record.state.started_ns
        assert daemon.machine.record(cell.id) == cell.record
        assert daemon.journal.event("die").attributes["exitCode"] == "3"
        assert daemon.journal.event("die").attributes["execDuration"] == "0"
        assert daemon.journal.told[-2:] == ["container die", "network disconnect"]


async def test_whole_log_is_there_when_the_exit_is_told(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        daemon.runtime.write(cell.id, b"one\ntwo")
        await daemon.ends(cell)
        log = tmp_path / "data" / "containers" / cell.id / f"{cell.id}-json.log"
        records = [json.loads(line) for line in log.read_text().splitlines()]
        assert [each["log"] for each in records] == ["one\n", "two"]


async def test_output_that_does_not_end_is_waited_for_two_seconds(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        process = daemon.runtime.tasks.process(cell.id)
        ends, process.ends = process.ends, {}  # a child of the process keeps them
        begun = trio.current_time()
        daemon.runtime.exit(cell.id)
        await cell.exit_after(0)
        assert trio.current_time() - begun == pytest.approx(exit.STREAM_PATIENCE, abs=0.6)
        process.ends = ends


async def test_after_the_exit_is_told_the_task_and_the_network_go(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        bindings = {"80/tcp": [PortBinding(host_port="8080")]}
        cell = await daemon.run("web", port_bindings=bindings)
        await daemon.ends(cell)
        assert daemon.runtime.tasks.all == {}
        assert daemon.machine.network.links.spaces == {}
        assert daemon.machine.network.host.bound == set()
        assert daemon.machine.holder.held == {}
        assert not cell.leftover


async def test_exit_of_an_earlier_run_is_not_taken(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        old = cell.record.state.pid
        await daemon.ends(cell)
        await daemon.containers.start("web")
        async with cell.slot:
            assert not await exit.exited(cell, daemon.outside, Exited(old, 9, 1))
        assert cell.record.state.status is Status.RUNNING


async def test_out_of_memory_is_told_at_once_and_kept_with_the_exit(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        daemon.runtime.out_of_memory(cell.id)
        await settled()
        assert "oom" in daemon.journal.actions()
        await daemon.ends(cell, 137)
        assert cell.record.state.oom_killed
        await daemon.containers.start("web")
        assert not cell.record.state.oom_killed


async def test_policy_makes_an_exit_a_pause_before_the_next_run(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web", restart="always")
        daemon.runtime.exit(cell.id, 1)
        await cell.exit_after(0)
        state = cell.record.state
        assert (state.status, state.restart_count, state.backoff_ms) == (Status.RESTARTING, 1, 100)
        await trio.sleep(0.09)
        assert cell.record.state.status is Status.RESTARTING
        await trio.sleep(1)
        assert (cell.record.state.status, cell.record.state.generation) == (Status.RUNNING, 2)


async def test_store_that_is_away_holds_the_exit_back_but_loses_nothing(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        daemon.journal.away = True
        daemon.runtime.exit(cell.id, 4)
        with trio.move_on_after(5):
            await cell.exit_after(0)
            pytest.fail("told before it was committed")
        daemon.journal.away = False
        assert (await cell.exit_after(0)).exit_code == 4
        assert daemon.journal.actions().count("die") == 1


@pytest.mark.parametrize(
    ("failure", "left"),
    [(SystemFailure("hangs"), True), (Unavailable("away"), True), (None, False)],
)
async def test_task_that_cannot_be_deleted_is_remembered(
    tmp_path: Path, failure: SystemFailure | None, left: bool
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        if failure is not None:
            daemon.runtime.failures["tasks.delete"] = failure
        await daemon.ends(cell)
        assert cell.leftover is left
        async with cell.slot:
            await exit.delete_task(cell, daemon.outside)
            await exit.delete_task(cell, daemon.outside)
        assert not cell.leftover
        assert daemon.runtime.tasks.all == {}
