from __future__ import annotations

from pathlib import Path

import pytest

from engine.domain.containers import pause
from engine.domain.containers.records import Status
from engine.errors import Conflict, SystemFailure
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import running


async def test_pause_and_unpause_are_committed_with_their_events(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        await daemon.containers.pause("web")
        assert cell.record.state.status is Status.PAUSED
        assert daemon.runtime.tasks.process(cell.id).status == "paused"
        assert daemon.machine.record(cell.id) == cell.record
        await daemon.containers.unpause("web")
        assert cell.record.state.status is Status.RUNNING
        assert daemon.runtime.tasks.process(cell.id).status == "running"
        assert daemon.journal.actions()[-2:] == ["pause", "unpause"]


async def test_refusals_are_dockerds(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        with pytest.raises(Conflict, match=f"^Container {cell.id} is not paused$"):
            await daemon.containers.unpause("web")
        await daemon.containers.pause("web")
        with pytest.raises(Conflict, match=f"^Container {cell.id} is already paused$"):
            await daemon.containers.pause("web")
        with pytest.raises(Conflict, match="cannot start a paused container"):
            await daemon.containers.start("web")


async def test_freezer_that_refuses_changes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        daemon.runtime.failures["tasks.pause"] = SystemFailure("no freezer")
        with pytest.raises(SystemFailure, match=f"^Cannot pause container {cell.id}: no freezer$"):
            await daemon.containers.pause("web")
        assert cell.record.state.status is Status.RUNNING
        await daemon.containers.pause("web")
        daemon.runtime.failures["tasks.resume"] = SystemFailure("stuck")
        with pytest.raises(SystemFailure, match=f"^Cannot unpause container {cell.id}: stuck$"):
            await daemon.containers.unpause("web")
        assert cell.record.state.status is Status.PAUSED


async def test_paused_container_that_ends_is_exited(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        await daemon.containers.pause("web")
        await daemon.ends(cell, 137)
        assert cell.record.state.status is Status.EXITED


async def test_what_the_freezer_says_is_taken_over(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        async with cell.slot:
            await pause.adopt(cell, daemon.outside, frozen=False)
            assert cell.record.state.status is Status.RUNNING
            await pause.adopt(cell, daemon.outside, frozen=True)
            await pause.adopt(cell, daemon.outside, frozen=True)
            assert cell.record.state.status is Status.PAUSED
            await pause.adopt(cell, daemon.outside, frozen=False)
            assert cell.record.state.status is Status.RUNNING
        assert daemon.journal.actions()[-2:] == ["pause", "unpause"]


async def test_thaw_for_a_signal_is_for_the_paused_alone_and_never_in_the_way(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        async with cell.slot:
            await pause.thaw_to_die(cell, daemon.outside)
        assert "tasks.resume" not in daemon.runtime.calls
        await daemon.containers.pause("web")
        daemon.runtime.failures["tasks.resume"] = SystemFailure("stuck")
        async with cell.slot:
            await pause.thaw_to_die(cell, daemon.outside)
        assert cell.record.state.status is Status.PAUSED
        await settled()
