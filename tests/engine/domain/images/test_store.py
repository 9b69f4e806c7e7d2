from __future__ import annotations

import pytest
import trio

from engine.errors import Conflict, Unavailable
from tests.engine.domain.images.samples import ARCHIVE, ID, LOWER
from tests.fakes.containerd import FakeContainerd
from tests.fakes.image_archives import (
    config_of,
    digest_of,
    docker_archive,
)
from tests.fakes.images_room import Room, images_room


async def test_next_life_knows_the_same_images(room: Room, stores: FakeContainerd) -> None:
    await room.load(ARCHIVE)
    await room.import_(LOWER)
    await stores.leases.create(
        "left", {"io.trimaran.engine": "test-engine", "io.trimaran.ingest": "true"}
    )
    await stores.leases.create("foreign", {"io.trimaran.ingest": "true"})
    async with images_room(stores) as next_life:
        before = {each.id: each for each in room.images.everything()}
        after = {each.id: each for each in next_life.images.everything()}
        assert set(before) == set(after)
        assert after[ID].names == before[ID].names
        assert after[ID].layer_sizes == before[ID].layer_sizes
    assert set(stores.leases.leases) == {"foreign"}


async def test_other_engines_images_are_neither_seen_nor_touched(
    room: Room, stores: FakeContainerd
) -> None:
    async with images_room(stores, engine_id="other") as other:
        await other.load(ARCHIVE)
        await room.images.refresh()
        assert room.images.everything() == []
        with pytest.raises(Conflict, match="belongs to somebody else"):
            await room.load(ARCHIVE)
        assert other.names() == ["busybox:latest"]
        assert (
            stores.images.records["docker.io/library/busybox:latest"].labels["io.trimaran.engine"]
            == "other"
        )


async def test_image_with_lost_content_is_left_out_and_the_others_stay(
    room: Room, stores: FakeContainerd
) -> None:
    other = config_of([LOWER])
    await room.load(ARCHIVE)
    await room.load(docker_archive((other, [LOWER], ["o:1"])))
    del stores.content.blobs[ID]
    await room.images.refresh()
    assert [each.id for each in room.images.everything()] == [digest_of(other)]


async def test_reads_before_the_first_look_are_unavailable(
    stores: FakeContainerd, autojump_clock: trio.testing.MockClock
) -> None:
    async def away(*filters: str) -> list[object]:
        raise Unavailable("containerd is away")

    stores.images.list, there = away, stores.images.list  # type: ignore[method-assign, assignment]
    async with images_room(stores) as room:
        with pytest.raises(Unavailable, match="not known yet"):
            room.images.list()
        with pytest.raises(Unavailable, match="containerd is away"):
            await room.images.tag("a", "b", "c")
        stores.images.list = there  # type: ignore[method-assign]
        await room.images.refresh()
        assert room.images.list() == []
