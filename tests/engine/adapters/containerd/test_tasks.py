from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import trio

from engine.adapters.containerd import FailedPrecondition, RuncOptions, metrics
from engine.adapters.containerd.events import TaskCreate, TaskDelete, TaskExit, TaskStart
from engine.errors import NotFound, SystemFailure, Unavailable
from tests.engine.adapters.containerd.conftest import Rig
from tests.engine.adapters.containerd.rootfs import Pipe, base_layer, process_json, spec

pytestmark = pytest.mark.integration


@asynccontextmanager
async def task(rig: Rig, id: str, *arguments: str) -> AsyncIterator[tuple[Pipe, Pipe]]:
    """A created task with FIFOs for its output; killed and deleted afterwards."""
    client = rig.client
    await base_layer(rig)
    mounts = await client.snapshots.prepare(id, "busybox")
    await client.containers.create(
        id, spec=spec(id, *arguments), snapshotter="overlayfs", snapshot_key=id
    )
    out, err = Pipe(rig.base / "out"), Pipe(rig.base / "err")
    await client.tasks.create(
        id,
        rootfs=mounts,
        stdout=out.path,
        stderr=err.path,
        options=RuncOptions(root=str(rig.base / "runc")),
    )
    try:
        yield out, err
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 20):
            await rig.control.wait_ready()
            with suppress(NotFound):  # it has ended, or is deleted
                await client.tasks.kill(id, signal.SIGKILL, all=True)
                await client.tasks.wait(id)
            with suppress(NotFound):
                await client.tasks.delete(id)
            await client.containers.delete(id)
        out.close()
        err.close()


async def test_container_runs_and_tells_its_status_and_output(rig: Rig) -> None:
    client = rig.client
    async with task(rig, "one", "sh", "-c", "echo out; echo err >&2; exit 3") as (out, err):
        assert (await client.tasks.get("one")).status == "created"
        exits = []

        async def wait() -> None:
            exits.append(await client.tasks.wait("one"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            pid = await client.tasks.start("one")
            assert (await out.text(), await err.text()) == ("out\n", "err\n")
        assert exits[0].exit_status == 3
        assert exits[0].exited_at_ns > 1_700_000_000 * 10**9
        info = await client.tasks.get("one")
        assert (info.status, info.exit_status, info.pid) == ("stopped", 3, pid)
        assert info.stdout == out.path
        deleted = await client.tasks.delete("one")
        assert (deleted.pid, deleted.exit_status) == (pid, 3)
        with pytest.raises(NotFound):
            await client.tasks.get("one")


async def test_running_task_is_listed_paused_measured_and_killed(rig: Rig) -> None:
    tasks = rig.client.tasks
    async with task(rig, "one", "sleep", "60"):
        pid = await tasks.start("one")
        (info,) = await tasks.list()
        assert (info.id, info.container_id, info.status, info.pid) == ("one", "one", "running", pid)
        assert await tasks.pids("one") == [pid]
        await tasks.pause("one")
        assert (await tasks.get("one")).status == "paused"
        await tasks.resume("one")
        _, values = metrics.decode(*await tasks.metrics("one"))
        assert values["pids"]["current"] == 1
        await tasks.update("one", b'{"pids":{"limit":77}}')
        _, values = metrics.decode(*await tasks.metrics("one"))
        assert values["pids"]["limit"] == 77
        with pytest.raises(FailedPrecondition):
            await tasks.delete("one")
        await tasks.kill("one", signal.SIGKILL)
        assert (await tasks.wait("one")).exit_status == 137


async def test_exec_runs_beside_the_first_process(rig: Rig) -> None:
    tasks = rig.client.tasks
    async with task(rig, "one", "sleep", "60"):
        await tasks.start("one")
        output, errors = Pipe(rig.base / "exec-out"), Pipe(rig.base / "exec-err")
        await tasks.exec(
            "one",
            "e1",
            spec=process_json("echo", "hi"),
            stdout=output.path,
            stderr=errors.path,
        )
        assert await tasks.start("one", "e1") > 0
        assert await output.text() == "hi\n"
        assert (await tasks.wait("one", "e1")).exit_status == 0
        info = await tasks.get("one", "e1")
        assert (info.container_id, info.id, info.status) == ("one", "e1", "stopped")
        assert (await tasks.delete_process("one", "e1")).exit_status == 0
        with pytest.raises(NotFound):
            await tasks.get("one", "e1")
        output.close()
        errors.close()


async def test_terminal_is_resized(rig: Rig) -> None:
    tasks = rig.client.tasks
    async with task(rig, "one", "sleep", "60"):
        await tasks.start("one")
        output = Pipe(rig.base / "exec-out")
        os.mkfifo(rig.base / "exec-in")
        await tasks.exec(
            "one",
            "e1",
            spec=process_json("sh", "-c", "read _; stty size", terminal=True),
            stdin=str(rig.base / "exec-in"),
            stdout=output.path,
            terminal=True,
        )
        await tasks.start("one", "e1")
        await tasks.resize_pty("one", "e1", 123, 45)
        with (rig.base / "exec-in").open("w") as pipe:
            print(file=pipe)
        assert "45 123" in await output.text()
        await tasks.delete_process("one", "e1")
        output.close()


async def test_standard_input_is_closed_on_request(rig: Rig) -> None:
    tasks = rig.client.tasks
    async with task(rig, "one", "sleep", "60"):
        await tasks.start("one")
        output, errors = Pipe(rig.base / "exec-out"), Pipe(rig.base / "exec-err")
        os.mkfifo(rig.base / "exec-in")
        source = os.open(rig.base / "exec-in", os.O_RDWR)
        await tasks.exec(
            "one",
            "e1",
            spec=process_json("cat"),
            stdin=str(rig.base / "exec-in"),
            stdout=output.path,
            stderr=errors.path,
        )
        await tasks.start("one", "e1")
        os.write(source, b"some\n")
        os.close(source)
        await tasks.close_io("one", "e1")
        assert await output.text() == "some\n"
        assert (await tasks.wait("one", "e1")).exit_status == 0
        await tasks.delete_process("one", "e1")
        output.close()
        errors.close()


async def test_failed_start_is_a_failure_with_the_reason_of_runc(rig: Rig) -> None:
    async with task(rig, "one", "sleep", "60"):
        tasks = rig.client.tasks
        await tasks.start("one")
        bad = process_json("x").replace(b"/bin/busybox", b"/bin/nothing")
        await tasks.exec("one", "e1", spec=bad)
        with pytest.raises(SystemFailure, match="no such file or directory"):
            await tasks.start("one", "e1")


async def test_life_of_a_task_is_seen_on_the_event_stream(rig: Rig) -> None:
    seen = []
    async with rig.client.events('topic~="^/tasks/"') as events, task(rig, "one", "true"):
        await rig.client.tasks.start("one")
        await rig.client.tasks.wait("one")
        await rig.client.tasks.delete("one")
        with trio.fail_after(10):
            async for event in events:
                seen.append(event)
                if isinstance(event.payload, TaskDelete):
                    break
    assert [type(event.payload) for event in seen] == [TaskCreate, TaskStart, TaskExit, TaskDelete]
    exit = seen[2].payload
    assert isinstance(exit, TaskExit)
    assert (exit.container_id, exit.id, exit.exit_status) == ("one", "one", 0)
    assert {event.namespace for event in seen} == {rig.client.namespace}
    assert rig.control.open_streams == 0


async def test_container_survives_the_death_of_containerd(rig: Rig) -> None:
    tasks = rig.client.tasks
    async with task(rig, "one", "sh", "-c", "sleep 60"):
        pid = await tasks.start("one")
        generation = rig.control.generation
        containerd = rig.embedded.pid
        assert containerd is not None
        async with trio.open_nursery() as nursery:

            async def wait() -> None:
                with pytest.raises(Unavailable):
                    await tasks.wait("one")

            async def watch() -> None:
                async with rig.client.events() as events:
                    with pytest.raises(Unavailable):
                        await events.__anext__()

            nursery.start_soon(wait)
            nursery.start_soon(watch)
            await tasks.get("one")
            os.kill(containerd, signal.SIGKILL)
        with trio.fail_after(20):
            await rig.control.next_connection(after=generation)
        assert rig.embedded.pid != containerd
        assert rig.embedded.restarts == 1
        info = await tasks.get("one")
        assert (info.status, info.pid) == ("running", pid)
