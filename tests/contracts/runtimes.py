"""What the containers room relies on in its runtime; the fake and containerd both pass it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trio

from engine.errors import Conflict, EngineError, NotFound
from engine.models.runtime import RuncOptions, TaskExit

SIGKILL = 9
LIMIT = 20.0


@dataclass
class World:
    """`layer` is a committed snapshot that holds what `spec` and `process` run."""

    runtime: Any
    layer: str
    spec: Callable[[str], bytes]
    process: Callable[[], bytes]
    directory: Path
    options: RuncOptions = field(default_factory=RuncOptions)

    @asynccontextmanager
    async def task(self, id: str) -> AsyncIterator[int]:
        """A created task with FIFOs that we read; killed and deleted afterwards. The pid."""
        tasks = self.runtime.tasks
        mounts = await self.runtime.snapshots.prepare(id, self.layer)
        await self.record(id)
        readers = [self.fifo(name) for name in ("out", "err")]
        pid = await tasks.create(
            id,
            rootfs=mounts,
            stdout=str(self.directory / "out"),
            stderr=str(self.directory / "err"),
            options=self.options,
        )
        try:
            yield pid
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + LIMIT):
                with suppress(NotFound):
                    await tasks.kill(id, SIGKILL, all=True)
                    await tasks.wait(id)
                with suppress(NotFound):
                    await tasks.delete(id)
                await self.runtime.containers.delete(id)
                await self.runtime.snapshots.remove(id)
            for reader in readers:
                os.close(reader)

    async def record(self, id: str, **labels: str) -> None:
        await self.runtime.containers.create(
            id,
            labels=labels,
            runtime="io.containerd.runc.v2",
            spec=self.spec(id),
            snapshotter="overlayfs",
            snapshot_key=id,
            image="busybox",
        )

    def fifo(self, name: str) -> int:
        os.mkfifo(self.directory / name)
        return os.open(self.directory / name, os.O_RDONLY | os.O_NONBLOCK)


Check = Callable[[World], Awaitable[None]]


async def snapshots_are_prepared_committed_and_removed(world: World) -> None:
    snapshots = world.runtime.snapshots
    made = await snapshots.prepare("one", world.layer, labels={"mine": "yes"})
    assert made
    assert list(await snapshots.mounts("one")) == list(made)
    assert (await snapshots.stat("one")).kind == "active"
    assert [each.name for each in await snapshots.list('labels."mine"=="yes"')] == ["one"]
    await snapshots.commit("two", "one", labels={"mine": "too"})
    found = await snapshots.stat("two")
    assert (found.kind, found.parent, found.labels["mine"]) == ("committed", world.layer, "too")
    with pytest.raises(NotFound):
        await snapshots.stat("one")
    await snapshots.remove("two")
    with pytest.raises(NotFound):
        await snapshots.remove("two")


async def snapshots_refuse_what_cannot_be(world: World) -> None:
    snapshots = world.runtime.snapshots
    await snapshots.prepare("one", world.layer)
    with pytest.raises(Conflict):
        await snapshots.prepare("one", world.layer)
    with pytest.raises(NotFound):
        await snapshots.prepare("orphan", "nosuch")
    with pytest.raises(Conflict):
        await snapshots.remove(world.layer)  # it has a child
    with pytest.raises(NotFound):
        await snapshots.mounts("nosuch")
    size, inodes = await snapshots.usage("one")
    assert size >= 0
    assert inodes >= 1
    with pytest.raises(NotFound):
        await snapshots.usage("nosuch")
    await snapshots.remove("one")


async def container_records_are_kept_and_found_by_label(world: World) -> None:
    containers = world.runtime.containers
    await world.record("one", engine="e1")
    await world.record("two", engine="e2")
    with pytest.raises(Conflict):
        await world.record("one")
    (found,) = await containers.list('labels."engine"=="e1"')
    assert (found.id, found.snapshot_key, found.image) == ("one", "one", "busybox")
    assert sorted(each.id for each in await containers.list()) == ["one", "two"]
    changed = await containers.update_labels("one", {"name": "web"})
    assert (changed.labels["engine"], changed.labels["name"]) == ("e1", "web")
    spec = world.spec("two")
    assert (await containers.update_spec("one", spec)).spec == spec
    for id in ("one", "two"):
        await containers.delete(id)
    for call in (
        containers.delete("one"),
        containers.update_labels("one", {}),
        containers.update_spec("one", spec),
    ):
        with pytest.raises(NotFound):
            await call


async def task_lives_from_created_to_deleted(world: World) -> None:
    tasks = world.runtime.tasks
    async with world.task("one") as pid:
        created = await tasks.get("one")
        assert (created.id, created.pid, created.status) == ("one", pid, "created")
        with pytest.raises(Conflict):
            await tasks.create("one", rootfs=[], options=world.options)
        assert await tasks.start("one") == pid
        (listed,) = await tasks.list()
        assert (listed.container_id, listed.pid, listed.status) == ("one", pid, "running")
        assert list(await tasks.pids("one")) == [pid]
        with pytest.raises(EngineError):
            await tasks.start("one")
        with pytest.raises(Conflict):
            await tasks.delete("one")
        await tasks.kill("one", SIGKILL)
        assert (await tasks.wait("one")).exit_status == 137
        stopped = await tasks.get("one")
        assert (stopped.status, stopped.exit_status) == ("stopped", 137)
        assert stopped.exited_at_ns > 0
        with pytest.raises(NotFound):
            await tasks.kill("one", SIGKILL)
        deleted = await tasks.delete("one")
        assert (deleted.pid, deleted.exit_status) == (pid, 137)
        with pytest.raises(NotFound):
            await tasks.get("one")


async def created_task_can_be_deleted_without_a_start(world: World) -> None:
    async with world.task("one"):
        await world.runtime.tasks.delete("one")
        with pytest.raises(NotFound):
            await world.runtime.tasks.get("one")


async def paused_task_says_so_until_it_is_resumed(world: World) -> None:
    tasks = world.runtime.tasks
    async with world.task("one"):
        await tasks.start("one")
        await tasks.pause("one")
        assert (await tasks.get("one")).status == "paused"
        await tasks.resume("one")
        assert (await tasks.get("one")).status == "running"


async def exec_is_a_process_beside_the_first(world: World) -> None:
    tasks = world.runtime.tasks
    async with world.task("one") as first:
        await tasks.start("one")
        await tasks.exec("one", "e1", spec=world.process())
        with pytest.raises(Conflict):
            await tasks.exec("one", "e1", spec=world.process())
        pid = await tasks.start("one", "e1")
        assert pid != first
        found = await tasks.get("one", "e1")
        assert (found.container_id, found.id, found.status) == ("one", "e1", "running")
        assert [each.id for each in await tasks.list()] == ["one"]
        await tasks.kill("one", SIGKILL, exec_id="e1")
        assert (await tasks.wait("one", "e1")).exit_status == 137
        assert (await tasks.delete_process("one", "e1")).exit_status == 137
        with pytest.raises(NotFound):
            await tasks.get("one", "e1")
        assert (await tasks.get("one")).status == "running"


async def ends_are_told_to_who_has_subscribed(world: World) -> None:
    tasks = world.runtime.tasks
    async with world.runtime.events('topic=="/tasks/exit"') as events, world.task("one") as pid:
        await tasks.start("one")
        await tasks.exec("one", "e1", spec=world.process())
        exec_pid = await tasks.start("one", "e1")
        await tasks.kill("one", SIGKILL, exec_id="e1")
        await tasks.wait("one", "e1")
        await tasks.kill("one", SIGKILL)
        seen: list[TaskExit] = []
        with trio.fail_after(LIMIT):
            while len(seen) < 2:
                payload = (await anext(events)).payload
                assert isinstance(payload, TaskExit)
                seen.append(payload)
    assert [(each.container_id, each.id, each.pid, each.exit_status) for each in seen] == [
        ("one", "e1", exec_pid, 137),
        ("one", "one", pid, 137),
    ]
    assert seen[0].exited_at_ns <= seen[1].exited_at_ns


async def output_ends_with_the_process(world: World) -> None:
    async with world.task("one"):
        await world.runtime.tasks.start("one")
        reader = os.open(world.directory / "out", os.O_RDONLY | os.O_NONBLOCK)
        with pytest.raises(BlockingIOError):
            os.read(reader, 1)
        await world.runtime.tasks.kill("one", SIGKILL)
        await world.runtime.tasks.wait("one")
        with trio.fail_after(LIMIT):
            await trio.lowlevel.wait_readable(reader)
        assert os.read(reader, 1) == b""
        os.close(reader)


async def what_is_unknown_is_not_found(world: World) -> None:
    tasks = world.runtime.tasks
    for call in (
        tasks.create("nosuch", rootfs=[]),
        tasks.start("nosuch"),
        tasks.get("nosuch"),
        tasks.kill("nosuch", SIGKILL),
        tasks.wait("nosuch"),
        tasks.delete("nosuch"),
        tasks.delete_process("nosuch", "e1"),
        tasks.exec("nosuch", "e1", spec=world.process()),
        tasks.pause("nosuch"),
        tasks.resume("nosuch"),
        tasks.pids("nosuch"),
        tasks.usage("nosuch"),
        tasks.update("nosuch", b"{}"),
        tasks.close_io("nosuch"),
        tasks.resize_pty("nosuch", "", 1, 1),
    ):
        with pytest.raises(NotFound):
            await call


CHECKS: tuple[Check, ...] = (
    snapshots_are_prepared_committed_and_removed,
    snapshots_refuse_what_cannot_be,
    container_records_are_kept_and_found_by_label,
    task_lives_from_created_to_deleted,
    created_task_can_be_deleted_without_a_start,
    paused_task_says_so_until_it_is_resumed,
    exec_is_a_process_beside_the_first,
    ends_are_told_to_who_has_subscribed,
    output_ends_with_the_process,
    what_is_unknown_is_not_found,
)
