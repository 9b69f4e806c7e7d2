from __future__ import annotations

import pytest

from engine.domain.images.removal import ImageUser
from engine.errors import Conflict, NotFound
from tests.engine.domain.images.samples import ARCHIVE, CONFIG, ID, LOWER, UPPER, empty
from tests.fakes.containerd import FakeContainerd
from tests.fakes.image_archives import (
    config_of,
    digest_of,
    docker_archive,
)
from tests.fakes.images_room import Room


async def test_name_that_moves_leaves_the_old_image_nameless(room: Room) -> None:
    await room.load(ARCHIVE)
    other = config_of([LOWER])
    messages = await room.load(docker_archive((other, [LOWER], ["busybox:latest"])))
    assert messages[0]["stream"] == (
        f"The image busybox:latest already exists, renaming the old one with ID {ID} "
        "to empty string\n"
    )
    assert room.images.resolve("busybox").id == digest_of(other)
    assert room.images.resolve(ID).names == ()
    (dangling,) = room.images.list(filters={"dangling": ["true"]})
    assert dangling.id == ID


async def test_nameless_image_that_gets_a_name_is_kept_by_it_alone(
    room: Room, stores: FakeContainerd
) -> None:
    await room.load(docker_archive((CONFIG, [LOWER, UPPER], None)))
    await room.images.tag(ID, "x", "")
    assert list(stores.images.records) == ["docker.io/library/x:latest"]
    assert room.events[-1] == ("tag", ID, {"l": "v", "name": "x:latest"})


async def test_removed_image_leaves_nothing(room: Room, stores: FakeContainerd) -> None:
    await room.load(ARCHIVE)
    chain = room.images.resolve(ID).chain_ids
    assert await room.remove("busybox") == ["busybox:latest", ID, *reversed(chain)]
    assert [each[0] for each in room.events] == ["load", "untag", "delete"]
    assert room.events[-1] == ("delete", ID, {"name": ID})
    assert empty(stores)
    with pytest.raises(NotFound):
        room.images.resolve(ID)


async def test_layer_of_another_image_stays(room: Room, stores: FakeContainerd) -> None:
    other = config_of([LOWER])
    await room.load(ARCHIVE)
    await room.load(docker_archive((other, [LOWER], ["o:1"])))
    top = room.images.resolve(ID).chain_id
    assert await room.remove(ID) == ["busybox:latest", ID, top]
    stores.collect()
    assert set(stores.snapshots.snapshots) == {digest_of(LOWER)}


async def test_image_in_use_stays_without_a_name_when_forced(room: Room) -> None:
    await room.load(ARCHIVE)
    room.containers[ID] = [ImageUser("c" * 64, running=True)]
    with pytest.raises(Conflict):
        await room.remove("busybox")
    assert await room.remove("busybox", force=True) == ["busybox:latest"]
    assert room.images.resolve(ID).names == ()
    with pytest.raises(Conflict, match="cannot be forced"):
        await room.remove(ID, force=True)
