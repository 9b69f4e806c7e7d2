from __future__ import annotations

from pathlib import Path

import pytest

from engine.domain.containers.prepare import image_layer
from engine.domain.containers.records import Status
from engine.domain.images.facade import Image, init_name
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import running
from tests.fakes.images import LAYER


async def test_layers_that_went_behind_our_back_are_unpacked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as daemon:
        await daemon.ends(await daemon.run("first", auto_remove=True))
        await settled()
        snapshots = daemon.runtime.snapshots
        image_snapshot = snapshots.all[LAYER]
        snapshots.all.clear()
        asked = []

        async def unpacked(image: Image) -> str:
            asked.append(image.id)
            snapshots.all[LAYER] = image_snapshot
            return image.chain_id

        monkeypatch.setattr(daemon.machine.images, "unpacked", unpacked)
        cell = await daemon.run("second")
        assert cell.record.state.status is Status.RUNNING
        assert asked == [cell.record.image_id]
        assert init_name(LAYER) in snapshots.all


async def test_layer_under_a_known_init_layer_is_not_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as daemon:
        await daemon.run("first")
        asked = []

        async def unpacked(image: Image) -> str:
            asked.append(image.id)
            return image.chain_id

        monkeypatch.setattr(daemon.machine.images, "unpacked", unpacked)
        image = daemon.machine.images.resolve("busybox")
        assert await image_layer(image, daemon.outside) == LAYER
        assert asked == []
        daemon.outside.init_layers.clear()
        assert await image_layer(image, daemon.outside) == LAYER
        assert asked == [image.id]


async def test_root_made_by_an_interrupted_try_is_taken_up(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.create("web")
        await settled()
        assert cell.id in daemon.runtime.snapshots.all
        cell.preparation = None
        await daemon.containers.start("web")
        assert cell.record.state.status is Status.RUNNING
