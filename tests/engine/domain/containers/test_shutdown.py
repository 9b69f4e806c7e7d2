from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from engine.domain.containers.records import Status
from engine.domain.containers.shutdown import patience, stop_all
from engine.errors import SystemFailure, Unavailable
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import Daemon, Machine, living, running, statuses


@pytest.mark.parametrize(
    ("own", "configured", "seconds"),
    [
        ((), 15, 15),
        ((None,), 15, 15),
        ((None, 30), 15, 35),
        ((3,), 60, 60),
        ((-1,), 15, float("inf")),
        ((3,), -1, float("inf")),
    ],
)
async def test_patience_is_that_of_the_slowest(
    tmp_path: Path, own: tuple[int | None, ...], configured: int, seconds: float
) -> None:
    async with running(tmp_path) as daemon:
        for each in own:
            await daemon.create(stop_timeout=each)
        assert patience(daemon.room, configured) == seconds


async def stop(daemon: Daemon, configured: int = 15) -> None:
    await stop_all(daemon.room, daemon.containers, configured)


async def test_all_are_stopped_at_once_and_let_go_of_everything(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        daemon.runtime.tasks.deaf = {15}
        for n in range(3):
            await daemon.run(f"c{n}", stop_timeout=3)
        begun = trio.current_time()
        await stop(daemon)
        assert trio.current_time() - begun < 4
        assert set(statuses(daemon).values()) == {Status.EXITED}
        assert daemon.runtime.tasks.all == {}
        assert daemon.machine.network.links.spaces == {}


async def test_their_policies_hold_for_the_next_daemon_and_not_for_this_one(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    machine = Machine(tmp_path)
    async with living(machine) as daemon:
        cell = await daemon.run("web", restart="unless-stopped")
        await stop(daemon)
        await trio.sleep(5)
        assert statuses(daemon) == {"web": Status.EXITED}
        assert not cell.record.state.manually_stopped
    async with living(machine) as daemon:
        await trio.sleep(5)
        assert statuses(daemon) == {"web": Status.RUNNING}
    machine.close()


async def test_auto_removed_ones_are_gone_when_it_returns(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.run("web", auto_remove=True)
        await stop(daemon)
        assert statuses(daemon) == {}


async def test_one_that_cannot_be_stopped_costs_its_patience_and_nobody_else(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        stuck = await daemon.run("stuck")
        await daemon.run("web")
        daemon.runtime.tasks.immortal.add(stuck.id)
        begun = trio.current_time()
        await stop(daemon)
        assert trio.current_time() - begun <= 16
        assert statuses(daemon) == {"web": Status.EXITED, "stuck": Status.RUNNING}


async def test_task_left_by_an_earlier_run_goes_too(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        daemon.runtime.failures["tasks.delete"] = SystemFailure("hangs")
        await daemon.ends(cell)
        assert daemon.runtime.tasks.all
        await stop(daemon)
        assert daemon.runtime.tasks.all == {}


async def test_start_under_way_is_stopped_too_and_later_ones_are_refused(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        await daemon.create("early")
        await daemon.create("late")
        async with trio.open_nursery() as nursery:
            gate = daemon.runtime.hold("tasks.start")
            nursery.start_soon(daemon.containers.start, "early")
            await gate.reached.wait()
            nursery.start_soon(stop, daemon)
            await settled()
            with pytest.raises(Unavailable, match="the daemon is shutting down"):
                await daemon.containers.start("late")
            gate.open()
        assert statuses(daemon) == {"early": Status.EXITED, "late": Status.CREATED}
        assert daemon.runtime.tasks.all == {}


async def test_orphans_that_no_sweep_has_found_yet_are_taken_away(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        orphan = "f" * 64
        daemon.machine.leftovers.all.add(orphan)
        await stop(daemon)
        assert daemon.machine.leftovers.all == set()


async def test_who_is_needed_goes_last(tmp_path: Path, patient_clock: MockClock) -> None:
    async with running(tmp_path) as daemon:
        database = await daemon.run("store")
        await daemon.run("web", network_mode=f"container:{database.id}")
        await daemon.run("other")
        await stop(daemon)
        ended = {cell.record.name: cell.record.state.finished_ns for cell in daemon.room.registry}
        assert set(statuses(daemon).values()) == {Status.EXITED}
        assert ended["web"] <= ended["store"]


async def test_chain_of_those_who_do_not_listen_has_the_sum_of_their_time(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        daemon.runtime.tasks.deaf = {15}
        first = await daemon.run("store", stop_timeout=10)
        await daemon.run("web", network_mode=f"container:{first.id}", stop_timeout=10)
        assert patience(daemon.room, 15) == 25
        begun = trio.current_time()
        await stop(daemon)
        assert 20 <= trio.current_time() - begun <= 25
        assert set(statuses(daemon).values()) == {Status.EXITED}
