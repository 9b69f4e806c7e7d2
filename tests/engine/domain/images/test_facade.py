from __future__ import annotations

import json
import time

import pytest
import trio

from engine.domain.images.ports import Descriptor
from engine.domain.images.removal import ImageUser
from engine.domain.names.references import parse_normalized
from engine.errors import NotFound
from tests.engine.domain.images.samples import ARCHIVE, GZIPPED, ID, LOWER, UPPER, empty
from tests.fakes.containerd import FakeContainerd
from tests.fakes.image_archives import (
    config_of,
    digest_of,
    docker_archive,
    oci_layout,
)
from tests.fakes.images_room import Room


async def test_prune_takes_nameless_images_and_on_request_all_unused(room: Room) -> None:
    other = config_of([UPPER])
    await room.load(ARCHIVE)
    await room.load(docker_archive((other, [UPPER], None)))
    report = await room.images.prune({}, users=room.users)
    assert next(each.deleted for each in report.images_deleted or []) == digest_of(other)
    assert report.space_reclaimed == len(UPPER)
    assert room.events[-1] == ("prune", "", {"reclaimed": str(len(UPPER))})
    room.containers[ID] = [ImageUser("c", running=False)]
    assert (await room.images.prune({"dangling": ["0"]}, users=room.users)).images_deleted is None
    room.containers.clear()
    assert (await room.images.prune({"dangling": ["0"]}, users=room.users)).space_reclaimed > 0
    assert room.images.everything() == []


async def test_pulled_image_has_repo_digests_and_picks_its_platform(
    room: Room, stores: FakeContainerd
) -> None:
    config = config_of([LOWER])
    layout, manifest = oci_layout(config, [LOWER], media_type=GZIPPED[:-5], annotations={})
    assert layout
    image = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": len(manifest)}
    index = json.dumps(
        {
            "manifests": [
                {**image, "digest": f"sha256:{'f' * 64}", "platform": {"os": "linux", "architecture": "z"}},
                {**image, "digest": digest_of(manifest), "platform": {"os": "linux", "architecture": "amd64"}},
            ]
        }
    ).encode()  # fmt: skip
    media_type = "application/vnd.oci.image.index.v1+json"
    async with room.images.ingest() as ingest:
        for data in (LOWER, config, manifest):
            await ingest.put(data, "")
        target = await ingest.put(index, media_type)
        names = [parse_normalized("p:1"), parse_normalized(f"p@{target.digest}")]
        image_here = await room.images.adopt(ingest, target, names, platform="linux/amd64")
    assert image_here.names == ("p:1",)
    assert image_here.digests == (f"p@{digest_of(index)}",)
    assert room.images.resolve(f"p@{digest_of(index)}").id == digest_of(config)
    assert room.events == [("pull", "p:1", {"name": "p"})]
    stores.collect()
    assert digest_of(LOWER) in stores.content.blobs
    assert await room.remove("p:1") == [
        "p:1", f"p@{digest_of(index)}", digest_of(config), digest_of(LOWER)
    ]  # fmt: skip
    assert empty(stores)


async def test_descriptor_of_a_missing_tree_is_not_found(room: Room) -> None:
    async with room.images.ingest() as ingest:
        with pytest.raises(NotFound):
            await room.images.adopt(ingest, Descriptor("m", f"sha256:{'0' * 64}", 1), [])


async def test_prunes_take_turns_and_each_tells_what_it_freed(room: Room) -> None:
    await room.load(docker_archive((config_of([UPPER]), [UPPER], None)))
    reports = []

    async def prune() -> None:
        reports.append(await room.images.prune({}, users=room.users))

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(prune)
    assert sorted(each.space_reclaimed for each in reports) == [0, 0, len(UPPER)]


async def test_discarded_image_goes_with_all_its_names(room: Room) -> None:
    await room.load(ARCHIVE)
    await room.images.tag("busybox", "other/name", "v1")
    image = room.images.resolve("busybox")
    room.containers[ID] = [ImageUser("c", running=False)]
    assert not await room.images.discard(image, users=room.users)
    room.containers.clear()
    assert await room.images.discard(room.images.resolve("busybox"), users=room.users)
    assert room.images.everything() == []


async def test_sweep_drops_downloads_that_nobody_goes_on_with(
    room: Room, stores: FakeContainerd
) -> None:
    now = time.time()
    begun = {"old": now - 2 * 24 * 3600, "new": now - 60}
    for name, at in begun.items():
        reference = f"trimaran-pull-test-engine-sha256:{name}"
        stores.content.ingests[reference] = bytearray(b"x")
        stores.content.touched[reference] = at
    stores.content.ingests["trimaran-pull-other-engine-sha256:x"] = bytearray(b"x")
    await room.images.sweep()
    assert sorted(each[-3:] for each in stores.content.ingests) == ["6:x", "new"]
    async with room.images.ingest():
        await room.images.sweep(0)  # somebody may be about to go on
        assert len(stores.content.ingests) == 2
    await room.images.sweep(0)
    assert list(stores.content.ingests) == ["trimaran-pull-other-engine-sha256:x"]
