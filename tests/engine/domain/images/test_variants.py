from __future__ import annotations

import pytest

from engine.domain.images.ports import Descriptor
from engine.domain.images.variants import parts_of
from engine.errors import NotFound
from tests.engine.domain.images.samples import CONFIG, UPPER
from tests.engine.domain.images.test_pulling import LAYERS, index_of
from tests.fakes.containerd import FakeContainerd
from tests.fakes.image_archives import config_of, digest_of
from tests.fakes.images_room import images_room
from tests.fakes.registry import INDEX, FakeRegistry


async def test_parts_end_with_the_index_and_all_must_be_here(stores: FakeContainerd) -> None:
    registry = FakeRegistry()
    amd = registry.image("app", "amd", CONFIG, LAYERS)
    arm = registry.image("app", "arm", config_of([UPPER], User="arm"), LAYERS[1:])
    data = index_of(registry, amd64=amd, arm64=arm)
    registry.tag("app", "both", data, INDEX)
    target = Descriptor(INDEX, digest_of(data), len(data))
    async with images_room(stores, registry=registry) as room:
        await room.pull("reg.test/app", "both", platform="linux/amd64")
        with pytest.raises(NotFound):
            await parts_of(stores.content, target)
        await room.pull("reg.test/app", "both", platform="linux/arm64")
        parts = await parts_of(stores.content, target)
    assert [each.descriptor.digest for each in parts] == [amd, arm, target.digest]
    assert parts[1].layers[0][1] == digest_of(UPPER)
    assert parts[2].blobs == []
