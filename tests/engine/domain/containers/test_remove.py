from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from engine.domain.containers.records import Removal, Status
from engine.errors import Conflict, DeadlineExceeded, NotFound, SystemFailure
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import running


async def test_every_part_of_a_container_goes(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web", volumes={"/data": {}})
        await daemon.ends(cell)
        await daemon.containers.remove("web", volumes=True)
        assert cell.removed.is_set()
        assert daemon.runtime.containers.all == {}
        assert cell.id not in daemon.runtime.snapshots.all
        assert daemon.runtime.tasks.all == {}
        assert daemon.machine.network.links.spaces == {}
        assert daemon.machine.disk.disk.content == {}
        assert not (tmp_path / "data" / "containers" / cell.id).exists()
        assert not (tmp_path / "exec" / "fifo" / cell.id).exists()
        assert daemon.machine.record(cell.id) is None
        assert daemon.journal.actions()[-1] == "destroy"
        with pytest.raises(NotFound, match="No such container: web"):
            daemon.containers.inspect("web")


async def test_its_supervisor_leaves_the_tree(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        assert cell.id[:12] in daemon.supervisor.names()
        await daemon.containers.remove("web", force=True)
        await settled()
        assert cell.id[:12] not in daemon.supervisor.names()


async def test_name_is_free_again(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.create("web")
        await daemon.containers.remove("web")
        await daemon.create("web")


async def test_volumes_stay_unless_they_are_asked_for(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.create("web", volumes={"/data": {}}, binds=["kept:/kept"])
        await daemon.containers.remove("web")
        assert len(daemon.machine.disk.disk.content) == 2
        await daemon.create("web", volumes={"/data": {}}, binds=["kept:/kept"])
        await daemon.containers.remove("web", volumes=True)
        assert len(daemon.machine.disk.disk.content) == 2
        assert "kept" in daemon.machine.disk.disk.content


async def test_running_container_goes_by_force_alone(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        with pytest.raises(Conflict, match="You cannot remove a running container"):
            await daemon.containers.remove("web")
        assert cell.record.state.status is Status.RUNNING
        await daemon.containers.remove("web", force=True)
        assert daemon.journal.actions()[-3:] == ["kill", "die", "destroy"]
        assert cell.last_exit.exit_code == 137


async def test_second_removal_beside_the_first_is_a_conflict(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        async with trio.open_nursery() as nursery, cell.slot:
            nursery.start_soon(lambda: daemon.containers.remove("web", force=True))
            await settled()
            text = f"removal of container {cell.id} is already in progress"
            with pytest.raises(Conflict, match=text):
                await daemon.containers.remove("web", force=True)
        assert cell.removed.is_set()


async def test_what_is_already_gone_in_containerd_is_no_obstacle(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.create("web")
        await settled()
        daemon.runtime.containers.all.clear()
        del daemon.runtime.snapshots.all[cell.id]
        await daemon.containers.remove("web")
        assert cell.removed.is_set()


async def test_removal_that_fails_leaves_it_dead_and_can_be_repeated(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        await daemon.ends(cell)
        daemon.runtime.failures["snapshots.remove"] = SystemFailure("device or resource busy")
        with pytest.raises(SystemFailure, match=f"^container {cell.id}: device or resource busy$"):
            await daemon.containers.remove("web", volumes=True)
        state = cell.record.state
        assert (state.status, state.error) == (Status.DEAD, "device or resource busy")
        assert state.removal == Removal(volumes=True)
        assert daemon.machine.record(cell.id) == cell.record
        await daemon.containers.remove("web")
        assert cell.removed.is_set()


async def test_removal_that_containerd_does_not_answer_goes_on_when_it_does(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        await daemon.ends(cell)
        daemon.runtime.failures["snapshots.remove"] = DeadlineExceeded("context deadline exceeded")
        with pytest.raises(DeadlineExceeded):
            await daemon.containers.remove("web")
        assert cell.record.state.status is Status.REMOVING
        with trio.fail_after(3600):
            await cell.removed.wait()


async def test_waiters_for_the_removal_get_the_last_exit_code(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web", auto_remove=True)
        waited = daemon.containers.wait("web", "removed")
        daemon.runtime.exit(cell.id, 5)
        assert (await waited()).exit_code == 5
        assert daemon.journal.actions()[-2:] == ["die", "destroy"]
