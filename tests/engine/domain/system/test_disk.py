from __future__ import annotations

from pathlib import Path

from engine.domain.system.disk import DiskReport
from engine.errors import SystemFailure
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import running
from tests.engine.domain.images.samples import ARCHIVE, ID
from tests.fakes.containerd import FakeContainerd
from tests.fakes.images_room import images_room


async def test_each_kind_is_measured(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon, images_room(FakeContainerd()) as images:
        await images.load(ARCHIVE)
        cell = await daemon.create("web", binds=["vol:/data"])
        await settled()
        daemon.runtime.snapshots.sizes[cell.id] = 5
        daemon.machine.disk.disk.content["vol"] = {"f": b"1234"}
        report = DiskReport(daemon.containers, images.images, daemon.volumes)
        found = await report.measure()
        (image,) = images.images.everything()
        assert found.layers_size == image.size > 0
        assert found.images is not None
        assert [(each.id, each.containers) for each in found.images] == [(ID, 0)]
        assert found.containers is not None
        assert [(each.id, each.size_rw) for each in found.containers] == [(cell.id, 5)]
        assert found.volumes is not None
        (volume,) = found.volumes
        assert volume.name == "vol"
        assert (volume.usage_data.ref_count, volume.usage_data.size) == (1, 4)
        assert found.build_cache == []


async def test_only_what_is_asked_for_is_measured(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon, images_room(FakeContainerd()) as images:
        report = DiskReport(daemon.containers, images.images, daemon.volumes)
        found = await report.measure({"volume"})
        assert (found.layers_size, found.images, found.containers) == (0, None, None)
        assert (found.volumes, found.build_cache) == ([], None)


async def test_volume_that_cannot_be_measured_says_so(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon, images_room(FakeContainerd()) as images:
        await daemon.create("web", binds=["vol:/data"])
        daemon.machine.disk.disk.failures["size"] = SystemFailure("input/output error")
        report = DiskReport(daemon.containers, images.images, daemon.volumes)
        found = await report.measure({"volume"})
        assert found.volumes is not None
        assert [each.usage_data.size for each in found.volumes] == [-1]
