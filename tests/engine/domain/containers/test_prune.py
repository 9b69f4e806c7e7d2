from __future__ import annotations

from pathlib import Path

import pytest
import trio

from engine.errors import InvalidParameter, SystemFailure
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import running, statuses


async def test_what_does_not_run_goes_and_its_size_is_told(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.run("web")
        idle = await daemon.create("idle", volumes={"/data": {}})
        ended = await daemon.run("ended")
        await daemon.ends(ended)
        daemon.runtime.snapshots.sizes = {idle.id: 3, ended.id: 4}
        report = await daemon.prunes.prune({})
        assert sorted(report.containers_deleted or ()) == sorted([idle.id, ended.id])
        assert report.space_reclaimed == 7
        assert list(statuses(daemon)) == ["web"]
        assert len(daemon.machine.disk.disk.content) == 1
        assert daemon.journal.event("prune").attributes == {"reclaimed": "7"}


async def test_filters_choose(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.create("prod", labels={"env": "prod"})
        await daemon.create("test", labels={"env": "test"})
        await daemon.create("bare")
        report = await daemon.prunes.prune({"until": ["1"]})
        assert report.containers_deleted is None
        await daemon.prunes.prune({"label": ["env"], "label!": ["env=prod"]})
        assert sorted(statuses(daemon)) == ["bare", "prod"]


async def test_filter_that_dockerd_does_not_know_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        with pytest.raises(InvalidParameter, match="Invalid filter 'name'"):
            await daemon.prunes.prune({"name": ["x"]})


async def test_second_prune_waits_for_the_first(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.create("idle")
        await settled()
        gate = daemon.runtime.hold("snapshots.usage")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(daemon.prunes.prune, {})
            await gate.reached.wait()
            reports: list[object] = []

            async def second() -> None:
                reports.append((await daemon.prunes.prune({})).containers_deleted)

            nursery.start_soon(second)
            await settled()
            assert reports == []
            gate.open()
        assert reports == [None]


async def test_one_that_cannot_be_removed_does_not_keep_the_others(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.create("aa")
        await daemon.create("bb")
        await settled()
        daemon.runtime.failures["snapshots.remove"] = SystemFailure("busy")
        report = await daemon.prunes.prune({})
        assert len(report.containers_deleted or ()) == 1
