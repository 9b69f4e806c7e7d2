from __future__ import annotations

import json
import tarfile
from io import BytesIO

import pytest

from engine.errors import InvalidParameter, NotFound
from tests.engine.domain.images.samples import ARCHIVE, CONFIG, ID, LOWER, UPPER
from tests.fakes.containerd import FakeContainerd
from tests.fakes.image_archives import (
    blob_path,
)
from tests.fakes.images_room import Room, images_room


async def test_saved_image_loads_back_with_the_same_digests(room: Room) -> None:
    await room.load(ARCHIVE)
    await room.images.tag("busybox", "two", "2")
    before = room.images.resolve("busybox")
    archive = await room.save("busybox", "two:2")
    assert room.events[-1][0] == "save"
    async with images_room(FakeContainerd()) as elsewhere:
        await elsewhere.load(archive)
        after = elsewhere.images.resolve("busybox")
        assert (after.id, after.target, after.layers) == (ID, before.target, before.layers)
        assert after.names == ("busybox:latest", "two:2")


async def test_saved_archive_serves_docker_and_oci(room: Room) -> None:
    await room.load(ARCHIVE)
    with tarfile.open(fileobj=BytesIO(await room.save("busybox"))) as archive:
        names = archive.getnames()

        def read(name: str) -> object:
            held = archive.extractfile(name)
            assert held is not None
            return json.loads(held.read())

        assert read("manifest.json") == [
            {
                "Config": blob_path(CONFIG),
                "RepoTags": ["busybox:latest"],
                "Layers": [blob_path(LOWER), blob_path(UPPER)],
            }
        ]
        index = read("index.json")
    assert isinstance(index, dict)
    assert index["manifests"][0]["annotations"] == {
        "io.containerd.image.name": "docker.io/library/busybox:latest",
        "org.opencontainers.image.ref.name": "latest",
    }
    assert len(names) == len(set(names))


async def test_save_takes_all_tags_of_a_bare_repository_and_none_of_an_id(room: Room) -> None:
    await room.load(ARCHIVE)
    await room.images.tag("busybox", "busybox", "2")
    async with images_room(FakeContainerd()) as elsewhere:
        await elsewhere.load(await room.save("busybox"))
        assert elsewhere.names() == ["busybox:2", "busybox:latest"]
    async with images_room(FakeContainerd()) as elsewhere:
        await elsewhere.load(await room.save(ID))
        assert elsewhere.names() == []


async def test_save_of_an_unknown_image_is_refused_at_once(room: Room) -> None:
    with pytest.raises(NotFound, match="No such image: nope"):
        room.images.save(["nope"])
    with pytest.raises(InvalidParameter, match="invalid reference format"):
        room.images.save([""])
