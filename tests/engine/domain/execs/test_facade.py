from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from engine.domain.execs.facade import READY_PATIENCE
from engine.domain.execs.messages import ExecExited
from engine.errors import Conflict, InvalidParameter, NotFound, SystemFailure
from engine.models.execs import ExecConfig, ExecStartRequest
from tests.engine.domain.containers.rooms import running

TRUE = ExecConfig(cmd=["true"], attach_stdout=True, attach_stderr=True)
DETACHED = ExecStartRequest(detach=True)


async def test_exec_is_told_listed_and_inspected(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        config = ExecConfig(cmd=["sh", "-c", "true"], user="app", attach_stdout=True)
        exec_id = await daemon.execs.create("web", config)
        told = daemon.journal.event("exec_create: sh -c true").attributes
        assert told["execID"] == exec_id
        assert cell.exec_ids == [exec_id]
        view = daemon.execs.inspect(exec_id[:12])
        assert (view.id, view.container_id) == (exec_id, cell.id)
        assert (view.running, view.exit_code, view.pid) == (False, None, 0)
        process = view.process_config
        assert process is not None
        assert (process.entrypoint, process.arguments, process.user) == (
            "sh",
            ["-c", "true"],
            "app",
        )
        assert (view.open_stdin, view.open_stdout, view.can_remove) == (False, True, False)


async def test_creation_is_refused_in_dockerds_words(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.create("web")
        with pytest.raises(NotFound, match="No such container: db"):
            await daemon.execs.create("db", TRUE)
        with pytest.raises(Conflict, match=f"Container {cell.id} is not running"):
            await daemon.execs.create("web", TRUE)
        await daemon.containers.start("web")
        with pytest.raises(InvalidParameter, match="No exec command specified"):
            await daemon.execs.create("web", ExecConfig())
        with pytest.raises(InvalidParameter, match=r"escape keys \(nosuch\) provided"):
            await daemon.execs.create("web", ExecConfig(cmd=["true"], detach_keys="nosuch"))
        await daemon.containers.pause("web")
        with pytest.raises(Conflict, match="is paused, unpause the container before exec"):
            await daemon.execs.create("web", TRUE)
        assert cell.exec_ids == []


async def test_exec_is_started_once(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        exec_id = await daemon.execs.create("web", TRUE)
        await daemon.execs.session(exec_id, DETACHED).start()
        with pytest.raises(Conflict, match=f"Error: Exec command {exec_id} is already running"):
            daemon.execs.session(exec_id, DETACHED)
        daemon.runtime.exit(cell.id, 0, exec_id=exec_id)
        await daemon.exec_store.resolve(exec_id).ended.wait()
        with pytest.raises(Conflict, match=f"Error: Exec command {exec_id} has already run"):
            daemon.execs.session(exec_id, DETACHED)


async def test_claim_that_came_to_nothing_is_free_again(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.run("web")
        exec_id = await daemon.execs.create("web", TRUE)
        daemon.execs.session(exec_id, DETACHED).close()
        await daemon.execs.session(exec_id, DETACHED).start()
        assert daemon.execs.inspect(exec_id).running


async def test_exec_goes_with_its_container(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.run("web")
        exec_id = await daemon.execs.create("web", TRUE)
        await daemon.containers.remove("web", force=True)
        with pytest.raises(NotFound):
            daemon.execs.inspect(exec_id)
        with pytest.raises(NotFound):
            daemon.execs.session(exec_id, DETACHED)
        with pytest.raises(NotFound, match="No such exec instance: nosuch"):
            daemon.execs.inspect("nosuch")


async def test_size_of_the_start_is_the_terminals_and_can_be_changed(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        exec_id = await daemon.execs.create("web", ExecConfig(cmd=["sh"], tty=True))
        request = ExecStartRequest(detach=True, tty=True, console_size=(24, 80))
        await daemon.execs.session(exec_id, request).start()
        assert daemon.exec_store.resolve(exec_id).config.console_size == (24, 80)
        await daemon.execs.resize(exec_id, 40, 120)
        assert daemon.runtime.tasks.process(cell.id, exec_id).size == (120, 40)
        daemon.runtime.exit(cell.id, 0, exec_id=exec_id)
        await daemon.exec_store.resolve(exec_id).ended.wait()
        with pytest.raises(Conflict, match=f"Exec command {exec_id} is not running"):
            await daemon.execs.resize(exec_id, 40, 120)


async def test_resize_waits_for_the_start_but_not_for_ever(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        exec_id = await daemon.execs.create("web", ExecConfig(cmd=["sh"], tty=True))
        begun = trio.current_time()
        with pytest.raises(SystemFailure, match="timeout waiting for exec session ready"):
            await daemon.execs.resize(exec_id, 40, 120)
        assert trio.current_time() - begun == pytest.approx(READY_PATIENCE, abs=0.5)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(daemon.execs.resize, exec_id, 40, 120)
            await trio.sleep(1)
            await daemon.execs.session(exec_id, DETACHED).start()
        assert daemon.runtime.tasks.process(cell.id, exec_id).size == (120, 40)


async def test_exit_of_an_unknown_process_is_nobodys(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        await daemon.execs.exited(ExecExited(cell.id, "nosuch", 1, 0, 0))
        assert daemon.exec_store.mailbox.depth == 0
