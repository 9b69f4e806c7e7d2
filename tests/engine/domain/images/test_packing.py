from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator

import pytest

from engine.domain.images.manifests import LAYER
from tests.engine.domain.images.samples import ARCHIVE, CONFIG, ID, LOWER, UPPER
from tests.fakes.containerd import FakeContainerd
from tests.fakes.image_archives import oci_layout
from tests.fakes.images_room import Room, images_room
from tests.fakes.registry import FakeRegistry


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture
async def room(stores: FakeContainerd, registry: FakeRegistry) -> AsyncIterator[Room]:
    async with images_room(stores, registry=registry) as room:
        yield room


async def test_loaded_image_is_compressed_once_and_keeps_its_id(
    room: Room, stores: FakeContainerd, registry: FakeRegistry
) -> None:
    await room.load(ARCHIVE)
    await room.images.tag("busybox", "reg.test/b", "1")
    await room.push("reg.test/b", "1")
    manifest = json.loads(registry.manifests["b", "1"][1])
    assert manifest["config"]["digest"] == ID
    assert [each["mediaType"] for each in manifest["layers"]] == [f"{LAYER}+gzip"] * 2
    sent = [gzip.decompress(registry.blobs[each["digest"]]) for each in manifest["layers"]]
    assert sent == [LOWER, UPPER]
    stores.collect()
    assert len(stores.content.blobs) == 4  # the uncompressed layers are gone
    targets = {each.target.digest for each in stores.images.records.values()}
    assert len(targets) == 1
    image = room.images.resolve("busybox")
    assert (image.id, image.names) == (ID, ("busybox:latest", "reg.test/b:1"))
    before = registry.manifests["b", "1"]
    await room.push("reg.test/b", "1")
    assert registry.manifests["b", "1"] == before


async def test_image_that_was_compressed_here_can_be_saved_and_loaded(
    room: Room, registry: FakeRegistry
) -> None:
    await room.load(ARCHIVE)
    await room.images.tag("busybox", "reg.test/b", "1")
    await room.push("reg.test/b", "1")
    archive = await room.save("busybox")
    await room.remove(ID, force=True)
    await room.load(archive)
    assert room.images.resolve("busybox").id == ID


async def test_manifest_of_somebody_else_is_pushed_as_it_came(
    room: Room, registry: FakeRegistry
) -> None:
    layout, manifest = oci_layout(
        CONFIG,
        [LOWER, UPPER],
        media_type=LAYER,
        annotations={"io.containerd.image.name": "reg.test/oci:1"},
    )
    await room.load(layout)
    await room.push("reg.test/oci", "1")
    assert registry.manifests["oci", "1"][1] == manifest
