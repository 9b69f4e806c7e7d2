from __future__ import annotations

from pathlib import Path

import trio

from engine.domain.containers.prepare import ENGINE_LABEL
from engine.domain.containers.sweep import sweep
from engine.errors import SystemFailure
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import Daemon, living, running
from tests.fakes.images import LAYER

ORPHAN = "0" * 64


async def orphan(daemon: Daemon, *, engine: str = "e1", started: bool = True) -> None:
    runtime = daemon.runtime
    labels = {ENGINE_LABEL: engine}
    await runtime.snapshots.prepare(ORPHAN, LAYER, labels=labels)
    await runtime.containers.create(
        ORPHAN,
        labels=labels,
        runtime="runc",
        spec=b"",
        snapshotter="overlayfs",
        snapshot_key=ORPHAN,
    )
    await runtime.tasks.create(ORPHAN, rootfs=[])
    if started:
        await runtime.tasks.start(ORPHAN)


async def test_orphans_of_ours_go_with_their_tasks_and_snapshots(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await orphan(daemon)
        assert await sweep(daemon.room.registry, daemon.outside) == []
        assert daemon.runtime.tasks.all == {}
        assert daemon.runtime.containers.all == {}
        assert ORPHAN not in daemon.runtime.snapshots.all


async def test_what_another_engine_made_stays(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await orphan(daemon, engine="e2")
        await sweep(daemon.room.registry, daemon.outside)
        assert ORPHAN in daemon.runtime.containers.all
        assert daemon.runtime.tasks.process(ORPHAN).status == "running"


async def test_snapshot_without_a_container_goes_but_no_init_layer(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.runtime.snapshots.prepare(ORPHAN, LAYER, labels={ENGINE_LABEL: "e1"})
        await daemon.create("web")
        await settled()
        await sweep(daemon.room.registry, daemon.outside)
        assert ORPHAN not in daemon.runtime.snapshots.all
        assert f"init-{LAYER}" in daemon.runtime.snapshots.all


async def test_known_containers_and_those_being_made_are_let_alone(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        daemon.room.registry.reserve("coming", ORPHAN)
        await orphan(daemon)
        assert await sweep(daemon.room.registry, daemon.outside) == []
        assert set(daemon.runtime.containers.all) == {cell.id, ORPHAN}
        assert len(daemon.runtime.tasks.all) == 2


async def test_task_of_a_container_that_does_not_run_is_reported(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.create("web")
        await settled()
        await daemon.runtime.tasks.create(cell.id, rootfs=[])
        assert await sweep(daemon.room.registry, daemon.outside) == [cell.id]
        assert cell.leftover
        cell.leftover = False
        async with cell.slot:  # somebody is at it
            assert await sweep(daemon.room.registry, daemon.outside) == []


async def test_directories_of_nobody_go_and_others_stay(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        for parent in (tmp_path / "data" / "containers", tmp_path / "exec" / "fifo"):
            (parent / ORPHAN / "sub").mkdir(parents=True)
            (parent / "notes").mkdir()
        await sweep(daemon.room.registry, daemon.outside)
        for parent in (tmp_path / "data" / "containers", tmp_path / "exec" / "fifo"):
            assert {each.name for each in parent.iterdir()} == {cell.id, "notes"}


async def test_one_orphan_that_stays_does_not_save_the_others(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await orphan(daemon)
        other = "1" * 64
        await daemon.runtime.snapshots.prepare(other, LAYER, labels={ENGINE_LABEL: "e1"})
        daemon.runtime.failures["containers.delete"] = SystemFailure("no")
        await sweep(daemon.room.registry, daemon.outside)
        assert ORPHAN in daemon.runtime.containers.all
        assert not {other, ORPHAN} & set(daemon.runtime.snapshots.all)


async def test_daemon_sweeps_at_its_start(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await orphan(daemon)
        machine = daemon.machine
        async with living(machine):
            await settled()
            assert machine.runtime.containers.all == {}


async def test_what_containerd_has_lost_sight_of_is_taken_from_the_host(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        runs, idle = await daemon.run("web"), await daemon.create("db")
        await settled()
        leftovers = daemon.machine.leftovers
        leftovers.all = {runs.id, idle.id, ORPHAN}
        await sweep(daemon.room.registry, daemon.outside)
        assert set(leftovers.removed) == {idle.id, ORPHAN}


async def test_what_is_begun_at_the_moment_is_no_leftover(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.create("web")
        await settled()
        daemon.machine.leftovers.all = {cell.id}
        async with cell.slot:
            await sweep(daemon.room.registry, daemon.outside)
        assert daemon.machine.leftovers.removed == []


async def test_init_layer_whose_making_was_cut_off_goes(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        own = {ENGINE_LABEL: "e1"}
        await daemon.runtime.snapshots.prepare("init-sha256:x-making", LAYER, labels=own)
        async with daemon.outside.init_lock, trio.open_nursery() as nursery:
            nursery.start_soon(sweep, daemon.room.registry, daemon.outside)
            await settled()
            assert "init-sha256:x-making" in daemon.runtime.snapshots.all
            nursery.cancel_scope.cancel()
        await sweep(daemon.room.registry, daemon.outside)
        assert "init-sha256:x-making" not in daemon.runtime.snapshots.all
