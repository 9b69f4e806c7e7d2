from __future__ import annotations

from pathlib import Path

import pytest

from engine.domain.containers import imagemounts
from engine.domain.containers.cell import Cell
from engine.errors import NotFound
from engine.models.mounts import ImageOptions, Mount
from tests.engine.domain.containers.rooms import Daemon, running
from tests.fakes.images import LAYER


async def mounted(daemon: Daemon, name: str = "img", **rest: object) -> Cell:
    mount = Mount(type="image", source="busybox", target="/img", **rest)  # type: ignore[arg-type]
    return await daemon.run(name, mounts=[mount])


async def test_image_is_put_together_from_its_layers_at_each_start(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await mounted(daemon, image_options=ImageOptions(subpath="etc"))
        (found,) = cell.record.mounts
        assert (found.name, found.layer) == ("busybox", LAYER)
        point = str(tmp_path / "points" / cell.id / "0")
        layers, own, subpath = daemon.machine.rootfs.exposed.pop(point)
        assert layers
        assert (own, subpath) == (tmp_path / "data/containers" / cell.id / "images/0", "etc")
        # What told the layers is not kept.
        assert f"{cell.id}-image-0" not in daemon.runtime.snapshots.all
        await daemon.ends(cell)
        await daemon.containers.start(cell.id)
        assert point in daemon.machine.rootfs.exposed


async def test_start_that_was_cut_off_is_no_hindrance(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await mounted(daemon)
        await daemon.ends(cell)
        await daemon.runtime.snapshots.prepare(f"{cell.id}-image-0", LAYER)
        await daemon.containers.start(cell.id)
        assert f"{cell.id}-image-0" not in daemon.runtime.snapshots.all


async def test_image_is_used_by_who_is_made_from_it_and_by_who_has_it_mounted(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as daemon:
        cell = await mounted(daemon)
        image = daemon.machine.images.resolve("busybox").id
        assert imagemounts.uses(cell.record, image)
        assert daemon.containers.users_of_image(image) == [(cell.id, True)]
        assert not imagemounts.uses(cell.record, "sha256:other")


async def test_other_containers_image_is_mounted_anew_for_who_takes_its_volumes(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as daemon:
        first = await mounted(daemon)
        second = await daemon.run("other", volumes_from=[first.id])
        (found,) = second.record.mounts
        assert found.source == str(tmp_path / "points" / second.id / "0")
        assert found.source in daemon.machine.rootfs.exposed


async def test_image_that_is_not_here_is_not_found(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        mount = Mount(type="image", source="nosuch", target="/img")
        with pytest.raises(NotFound, match="No such image: nosuch:latest"):
            await daemon.create("img", mounts=[mount])
        assert list(daemon.containers.ids()) == []
