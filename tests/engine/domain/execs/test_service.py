from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from engine.domain.containers.watcher import PERIOD
from engine.domain.execs.records import Exec
from engine.domain.execs.service import SWEEP_PERIOD, UNKNOWN_EXIT
from engine.errors import Conflict, InvalidParameter, NotFound, SystemFailure
from engine.models.execs import ExecConfig, ExecStartRequest
from supervisors import ServiceCrashed
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import Daemon, running

MISSING = 'exec: "nosuch": executable file not found in $PATH'


async def created(daemon: Daemon, *cmd: str, **config: object) -> Exec:
    asked = ExecConfig(cmd=list(cmd or ("true",)), **config)  # type: ignore[arg-type]
    return daemon.exec_store.resolve(await daemon.execs.create("web", asked))


async def begin(daemon: Daemon, exec: Exec) -> None:
    await daemon.execs.session(exec.id, ExecStartRequest(detach=True)).start()


async def begun(daemon: Daemon, *cmd: str, **config: object) -> Exec:
    exec = await created(daemon, *cmd, **config)
    await begin(daemon, exec)
    return exec


def execs(daemon: Daemon) -> list[str]:
    return [exec_id for _, exec_id in daemon.runtime.tasks.all if exec_id]


async def test_process_runs_and_its_end_is_told_with_its_code(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        exec = await begun(daemon, "sleep", "9")
        assert (exec.running, exec.pid) == (
            True,
            daemon.runtime.tasks.process(cell.id, exec.id).pid,
        )
        daemon.runtime.exit(cell.id, 4, exec_id=exec.id)
        await exec.ended.wait()
        await settled()
        assert (exec.running, exec.exit_code) == (False, 4)
        assert daemon.journal.actions()[-3:] == [
            "exec_create: sleep 9",
            "exec_start: sleep 9",
            "exec_die",
        ]
        assert daemon.journal.event("exec_die").attributes["exitCode"] == "4"
        assert execs(daemon) == []
        assert cell.exec_ids == []
        assert cell.supervisor is not None
        assert exec.child_name not in cell.supervisor.names()


@pytest.mark.parametrize(
    ("call", "text", "kind", "code"),
    [
        ("tasks.exec", MISSING, InvalidParameter, 127),
        ("tasks.start", MISSING, InvalidParameter, 127),
        ("tasks.start", "permission denied", InvalidParameter, 126),
        ("tasks.start", "no space left", SystemFailure, 126),
    ],
)
async def test_process_that_does_not_start_has_a_code_and_leaves_nothing(
    tmp_path: Path, call: str, text: str, kind: type[Exception], code: int
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        exec = await created(daemon, "nosuch")
        daemon.runtime.failures[call] = SystemFailure(text)
        with pytest.raises(kind):
            await begin(daemon, exec)
        assert (exec.exit_code, exec.running) == (code, False)
        assert execs(daemon) == []
        assert cell.exec_ids == []
        assert "exec_die" not in daemon.journal.actions()


async def test_quick_exit_is_handled_after_its_start(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        exec = await created(daemon)
        gate = daemon.runtime.hold("tasks.start")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(begin, daemon, exec)
            await gate.reached.wait()
            gate.open()
            while daemon.runtime.tasks.process(cell.id, exec.id).status != "running":
                await trio.lowlevel.checkpoint()
            daemon.runtime.exit(cell.id, 0, exec_id=exec.id)
        await exec.ended.wait()
        assert exec.exit_code == 0
        actions = daemon.journal.actions()
        assert actions.index("exec_start: true") < actions.index("exec_die")


async def test_container_that_stopped_meanwhile_refuses(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        exec = await created(daemon)
        session = daemon.execs.session(exec.id, ExecStartRequest(detach=True))
        await daemon.containers.stop("web")
        with pytest.raises(Conflict, match=f"Container {cell.id} is not running"):
            await session.start()
        with pytest.raises(NotFound, match="No such container"):
            await daemon.execs.create("db", exec.config)


async def test_exit_whose_event_is_lost_is_found(tmp_path: Path, patient_clock: MockClock) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        exec = await begun(daemon)
        await trio.sleep(1)
        daemon.runtime.exit(cell.id, 3, exec_id=exec.id, told=False)
        await trio.sleep(PERIOD + 1)
        assert exec.exit_code == 3


async def test_process_that_containerd_lost_has_ended(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        exec = await begun(daemon)
        daemon.runtime.tasks.all.pop((cell.id, exec.id)).close_ends()
        await trio.sleep(PERIOD + 1)
        assert exec.exit_code == UNKNOWN_EXIT


async def test_service_that_crashed_in_a_start_ends_what_it_left(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.run("web")
        exec = await created(daemon)
        daemon.runtime.failures["tasks.start"] = ZeroDivisionError("a bug")  # type: ignore[assignment]
        with pytest.raises(ServiceCrashed):
            await begin(daemon, exec)
        await exec.ended.wait()
        assert exec.exit_code == 126
        assert execs(daemon) == []
        assert (await begun(daemon)).running


async def test_ended_exec_can_be_inspected_until_its_second_sweep(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        exec, other = await begun(daemon), await begun(daemon)
        daemon.runtime.exit(cell.id, 0, exec_id=exec.id)
        await trio.sleep(SWEEP_PERIOD + 1)
        assert daemon.execs.inspect(exec.id).can_remove
        await trio.sleep(SWEEP_PERIOD)
        with pytest.raises(NotFound):
            daemon.execs.inspect(exec.id)
        assert daemon.execs.inspect(other.id).running
