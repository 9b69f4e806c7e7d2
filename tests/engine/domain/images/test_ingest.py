from __future__ import annotations

import gzip

import pytest

from engine.errors import InvalidParameter, SystemFailure
from tests.engine.domain.images.samples import ARCHIVE, GZIPPED, LOWER, UPPER, empty
from tests.fakes.containerd import FakeContainerd
from tests.fakes.image_archives import (
    config_of,
    docker_archive,
    oci_layout,
    tar_of,
)
from tests.fakes.images_room import Room, images_room


async def test_content_and_snapshot_are_tied_to_the_record(
    room: Room, stores: FakeContainerd
) -> None:
    await room.load(ARCHIVE)
    stores.collect()
    image = room.images.resolve("busybox")
    assert len(stores.content.blobs) == 4  # two layers, config, manifest
    assert set(stores.snapshots.snapshots) == set(image.chain_ids)
    assert not stores.leases.leases
    assert await room.images.unpacked(image) == image.chain_id


async def test_everything_made_carries_the_engines_label(
    room: Room, stores: FakeContainerd
) -> None:
    await room.load(ARCHIVE)
    objects = [
        *stores.content.blobs.values(),
        *stores.images.records.values(),
        *stores.snapshots.snapshots.values(),
    ]
    assert {each.labels.get("io.trimaran.engine") for each in objects} == {"test-engine"}


async def test_lying_blob_for_a_layer_that_is_here_is_refused(
    room: Room, stores: FakeContainerd
) -> None:
    await room.load(ARCHIVE)
    before = set(stores.content.blobs)
    config = config_of([LOWER, UPPER], User="u")
    layers = [gzip.compress(LOWER), gzip.compress(b"something else")]
    layout, _ = oci_layout(config, layers, media_type=GZIPPED, annotations={})
    with pytest.raises(InvalidParameter, match="invalid diffID for layer 1"):
        await room.load(layout)
    stores.collect()
    assert set(stores.content.blobs) == before


class Full:
    """A disk that has room for so many bytes more."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.asked = 0

    def check(self, needed: int = 0) -> None:
        self.asked += 1
        if needed > self.room:
            raise SystemFailure("not enough disk space")


@pytest.mark.parametrize("room", [0, 300_000])
async def test_full_disk_refuses_an_archive_and_nothing_is_left(
    stores: FakeContainerd, room: int
) -> None:
    reserve = Full(room)
    layer = tar_of({"big": b"x" * 600_000})
    archive = docker_archive((config_of([layer]), [layer], ["big:latest"]))
    async with images_room(stores, reserve=reserve) as made:
        with pytest.raises(SystemFailure, match="not enough disk space"):
            await made.load(archive)
        assert reserve.asked
        assert made.images.everything() == []
    assert empty(stores)
