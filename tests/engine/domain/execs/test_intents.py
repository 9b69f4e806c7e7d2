"""What becomes of an exec whose daemon dies: half a start is undone, what runs is gone on with."""

from __future__ import annotations

from pathlib import Path

import trio
from trio.testing import MockClock

from engine.domain.execs.intents import KIND
from engine.models.execs import ExecConfig, ExecStartRequest
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import Daemon, Machine, living

COMMAND = ExecConfig(cmd=["sleep", "9"], attach_stdout=True)


async def started(daemon: Daemon) -> str:
    exec_id = await daemon.execs.create("web", COMMAND)
    session = daemon.execs.session(exec_id, ExecStartRequest(detach=True))
    await session.start()
    session.close()
    return exec_id


async def test_exec_that_runs_is_known_to_the_next_daemon_and_its_end_is_learned(
    tmp_path: Path,
) -> None:
    machine = Machine(tmp_path, options={"live_restore": True})
    async with living(machine) as daemon:
        cell = await daemon.run("web")
        exec_id = await started(daemon)
        pid = daemon.execs.inspect(exec_id).pid
    async with living(machine) as daemon:
        await settled()
        found = daemon.execs.inspect(exec_id)
        assert (found.running, found.pid) == (True, pid)
        assert daemon.containers.cell("web").exec_ids == [exec_id]
        machine.runtime.exit(cell.id, 3, exec_id=exec_id)
        await settled()
        assert daemon.execs.inspect(exec_id).exit_code == 3
        assert machine.journal.told.count("container exec_die") == 1
        assert (cell.id, exec_id) not in machine.runtime.tasks.all
        assert machine.journal.intents(KIND) == []
    machine.close()


async def test_exec_that_ended_meanwhile_is_finished(tmp_path: Path) -> None:
    machine = Machine(tmp_path, options={"live_restore": True})
    async with living(machine) as daemon:
        cell = await daemon.run("web")
        exec_id = await started(daemon)
    machine.runtime.exit(cell.id, 4, exec_id=exec_id)
    async with living(machine) as daemon:
        await settled()
        assert daemon.execs.inspect(exec_id).exit_code == 4
        assert machine.journal.intents(KIND) == []
    machine.close()


async def test_half_a_start_is_undone(tmp_path: Path) -> None:
    machine = Machine(tmp_path, options={"live_restore": True})
    async with living(machine) as daemon:
        cell = await daemon.run("web")
        exec_id = await started(daemon)
    intent = machine.journal.open[KIND, exec_id]
    intent.detail["pid"] = 0
    async with living(machine):
        await settled()
        assert (cell.id, exec_id) not in machine.runtime.tasks.all
        assert machine.journal.intents(KIND) == []
    machine.close()


async def test_exec_of_a_shim_that_does_not_answer_waits(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    machine = Machine(tmp_path, options={"live_restore": True})
    async with living(machine) as daemon:
        cell = await daemon.run("web")
        exec_id = await started(daemon)
    process = machine.runtime.tasks.process(cell.id, exec_id)
    process.status = "unknown"
    async with living(machine) as daemon:
        await settled()
        assert daemon.execs.inspect(exec_id).exit_code is None
        process.status = "running"
        await trio.sleep(5)
        assert daemon.containers.cell("web").exec_ids == [exec_id]
    machine.close()


async def test_ended_exec_leaves_no_directory(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    async with living(machine) as daemon:
        cell = await daemon.run("web")
        exec_id = await started(daemon)
        folder = tmp_path / "exec" / "fifo" / cell.id
        assert any(each.name.startswith("exec-") for each in folder.iterdir())
        machine.runtime.exit(cell.id, 0, exec_id=exec_id)
        await settled()
        assert not any(each.name.startswith("exec-") for each in folder.iterdir())
    machine.close()
