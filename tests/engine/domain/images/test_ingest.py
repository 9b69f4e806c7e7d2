from __future__ import annotations

import gzip

import pytest

from engine.errors import InvalidParameter
from tests.engine.domain.images.samples import ARCHIVE, GZIPPED, LOWER, UPPER
from tests.fakes.containerd import FakeContainerd
from tests.fakes.image_archives import (
    config_of,
    oci_layout,
)
from tests.fakes.images_room import Room


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
