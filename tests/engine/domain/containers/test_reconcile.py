"""Every state that a daemon can leave behind, and what the next one makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from engine.domain.containers.outside import intent
from engine.domain.containers.reconcile import UNKNOWN_EXIT, reconcile
from engine.domain.containers.records import Status, to_document
from engine.domain.events.facade import Batch
from engine.errors import SystemFailure
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import Machine, living, running


async def test_container_that_lives_on_is_taken_up_with_its_output(tmp_path: Path) -> None:
    machine = Machine(tmp_path, options={"live_restore": True})
    async with living(machine) as daemon:
        cell = await daemon.run("web")
        machine.runtime.write(cell.id, b"before\n")
        await settled()
    machine.runtime.write(cell.id, b"between\n")
    async with living(machine) as daemon:
        found = daemon.containers.cell("web")
        assert (found.record.state.status, found.record.state.pid) == (
            Status.RUNNING,
            cell.record.state.pid,
        )
        machine.runtime.write(cell.id, b"after\n")
        await daemon.ends(found)
        log = tmp_path / "data" / "containers" / cell.id / f"{cell.id}-json.log"
        lines = [json.loads(line)["log"] for line in log.read_text().splitlines()]
        assert lines == ["before\n", "between\n", "after\n"]


async def test_exit_that_happened_meanwhile_is_learned_with_its_code_and_time(
    tmp_path: Path,
) -> None:
    machine = Machine(tmp_path, options={"live_restore": True})
    async with living(machine) as daemon:
        cell = await daemon.run("web")
    machine.runtime.exit(cell.id, 7)
    ended_ns = machine.runtime.tasks.process(cell.id).exited_at_ns
    async with living(machine) as daemon:
        state = daemon.containers.cell("web").record.state
        assert (state.status, state.exit_code, state.finished_ns) == (Status.EXITED, 7, ended_ns)
        assert daemon.journal.event("die").attributes["trimaran.reconciled"] == "true"
        await settled()
        assert machine.runtime.tasks.all == {}
        assert machine.network.links.spaces == {}


async def test_task_that_containerd_lost_has_ended_with_255(tmp_path: Path) -> None:
    machine = Machine(tmp_path, options={"live_restore": True})
    async with living(machine) as daemon:
        cell = await daemon.run("web")
    machine.close()
    machine.runtime.tasks.all.clear()
    async with living(machine) as daemon:
        state = daemon.containers.cell(cell.id).record.state
        assert (state.status, state.exit_code) == (Status.EXITED, UNKNOWN_EXIT)


async def test_another_process_under_the_same_id_is_not_ours(tmp_path: Path) -> None:
    machine = Machine(tmp_path, options={"live_restore": True})
    async with living(machine) as daemon:
        cell = await daemon.run("web")
    machine.runtime.tasks.process(cell.id).pid += 1
    async with living(machine) as daemon:
        assert daemon.containers.cell("web").record.state.exit_code == UNKNOWN_EXIT
    machine.close()


@pytest.mark.parametrize("reached", ["nothing", "created", "running"])
async def test_start_that_was_interrupted_is_undone(tmp_path: Path, reached: str) -> None:
    machine = Machine(tmp_path)
    async with living(machine) as daemon:
        cell = await daemon.create("web")
        await settled()
        await machine.journal.commit(Batch().open(intent("start", cell.record, generation=1)))
        if reached != "nothing":
            await machine.runtime.tasks.create(cell.id, rootfs=[])
        if reached == "running":
            await machine.runtime.tasks.start(cell.id)
    async with living(machine) as daemon:
        found = daemon.containers.cell("web")
        state = found.record.state
        assert (state.status, state.exit_code) == (Status.CREATED, 128)
        assert state.error == "the start was interrupted"
        assert machine.runtime.tasks.all == {}
        assert machine.network.links.spaces == {}
        assert machine.journal.intents() == []
        await daemon.containers.start("web")
        assert found.record.state.error == ""
    machine.close()


async def test_interrupted_start_whose_task_stays_is_tried_again_later(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    async with living(machine) as daemon:
        cell = await daemon.create("web")
        await settled()
        await machine.journal.commit(Batch().open(intent("start", cell.record)))
        await machine.runtime.tasks.create(cell.id, rootfs=[])
    machine.runtime.failures["tasks.delete"] = SystemFailure("shim hangs")
    async with living(machine) as daemon:
        found = daemon.containers.cell("web")
        assert found.record.state.error == "the start was interrupted"
        await daemon.containers.start("web")
        assert found.record.state.status is Status.RUNNING
    machine.close()


async def test_removal_that_was_interrupted_is_finished_with_its_options(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    async with living(machine) as daemon:
        cell = await daemon.create("web", volumes={"/data": {}})
        await settled()
        machine.runtime.failures["snapshots.remove"] = SystemFailure("busy")
        with pytest.raises(SystemFailure):
            await daemon.containers.remove("web", volumes=True)
        record = cell.record.with_state(status=Status.REMOVING)
        await machine.journal.commit(Batch().put(to_document(record)))
    async with living(machine) as daemon:
        await settled()
        assert len(daemon.room.registry) == 0
        assert machine.record(cell.id) is None
        assert machine.disk.disk.content == {}
        assert cell.id not in machine.runtime.snapshots.all


async def test_nothing_is_concluded_while_containerd_is_away(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    machine = Machine(tmp_path, options={"live_restore": True})
    async with living(machine) as daemon:
        cell = await daemon.run("web")
    machine.runtime.exit(cell.id, 7)
    machine.runtime.away = True
    async with living(machine) as daemon:
        found = daemon.containers.cell("web")
        await trio.sleep(2)
        assert found.record.state.status is Status.RUNNING
        machine.runtime.away = False
        await trio.sleep(5)
        assert (found.record.state.status, found.record.state.exit_code) == (Status.EXITED, 7)


async def test_pause_that_was_not_recorded_is_taken_over(tmp_path: Path) -> None:
    machine = Machine(tmp_path, options={"live_restore": True})
    async with living(machine) as daemon:
        cell = await daemon.run("web")
        await daemon.run("db")
    await machine.runtime.tasks.pause(cell.id)
    async with living(machine) as daemon:
        assert daemon.containers.cell("web").record.state.status is Status.PAUSED
        assert daemon.containers.cell("db").record.state.status is Status.RUNNING
    machine.close()


async def test_container_paused_for_a_commit_goes_on(tmp_path: Path) -> None:
    machine = Machine(tmp_path, options={"live_restore": True})
    async with living(machine) as daemon:
        cell = await daemon.run("web")
        await daemon.containers.pause("web")
        await machine.journal.commit(Batch().open(intent("commit", cell.record)))
    async with living(machine) as daemon:
        assert daemon.containers.cell("web").record.state.status is Status.RUNNING
        assert machine.runtime.tasks.process(cell.id).status == "running"
        assert machine.journal.intents("commit") == []
    machine.close()


async def test_ended_task_that_was_left_is_deleted(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    async with living(machine) as daemon:
        cell = await daemon.run("web")
        machine.runtime.failures["tasks.delete"] = SystemFailure("shim hangs")
        await daemon.ends(cell)
        assert machine.runtime.tasks.all
    async with living(machine):
        await settled()
        assert machine.runtime.tasks.all == {}


async def test_removed_container_is_let_alone(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.create("web")
        await daemon.containers.remove("web")
        before = list(daemon.runtime.calls)
        async with cell.slot:
            await reconcile(cell, daemon.outside)
        assert daemon.runtime.calls == before
