from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from engine.domain.images.facade import ImageUser
from engine.domain.storage.collection import Collector, candidates, used
from engine.domain.storage.ports import Space
from engine.domain.storage.settings import StorageSettings
from tests.fakes.containerd import FakeContainerd
from tests.fakes.image_archives import config_of, docker_archive, tar_of
from tests.fakes.images_room import Room, images_room
from tests.fakes.storage import FakeDisk, Told

NAMES = ("first", "second", "third", "labelled")


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    """Four images, named in this order (the fake's clock tells the order), one of them labelled."""
    async with images_room(FakeContainerd()) as room:
        for name in NAMES:
            layer = tar_of({name: b"x" * 1000})
            labels = {"keep": "yes"} if name == "labelled" else {}
            config = config_of([layer], Labels=labels)
            await room.load(docker_archive((config, [layer], [f"{name}:latest"])))
        yield room


class Filling(FakeDisk):
    """Each image that goes gives back ten percent."""

    def __init__(self, room: Room, free: int) -> None:
        super().__init__(capacity=1000)
        self._room, self._free, self._before = room, free, len(room.images.everything())

    async def space(self) -> Space:
        gone = self._before - len(self._room.images.everything())
        return Space(1000, self._free + 100 * gone)


def collector(room: Room, free: int, **settings: Any) -> tuple[Collector, Told]:
    told = Told()
    given = StorageSettings(engine_id="test-engine", **settings)
    return Collector(given, Filling(room, free), room.images, room.users, told), told


def left(room: Room) -> list[str]:
    return [each.removesuffix(":latest") for each in room.names()]


async def test_oldest_go_until_the_low_mark_is_reached(room: Room) -> None:
    found, told = collector(room, 100, high=90, low=70)
    gone = await found.collect()
    assert [each.path for each in gone] == ["first:latest", "second:latest"]
    assert left(room) == ["labelled", "third"]
    assert [(action, given["name"]) for action, _, given in told.events] == [
        ("collect", "first:latest"),
        ("collect", "second:latest"),
    ]
    assert all(given["reason"] == "the disk is over 90 % full" for *_, given in told.events)


async def test_nothing_goes_below_the_high_mark(room: Room) -> None:
    found, told = collector(room, 200, high=90, low=10)
    assert await found.collect() == []
    assert told.events == []


async def test_nothing_goes_without_a_mark(room: Room) -> None:
    found, _ = collector(room, 0)
    assert await found.collect() == []


@pytest.mark.parametrize("keep", ["keep", "keep=yes"])
async def test_label_keeps_an_image(room: Room, keep: str) -> None:
    found, _ = collector(room, 0, high=50, low=1, keep=(keep,))
    await found.collect()
    assert left(room) == ["labelled"]


async def test_label_with_another_value_keeps_nothing(room: Room) -> None:
    found, _ = collector(room, 0, high=50, low=1, keep=("keep=no",))
    await found.collect()
    assert left(room) == []


async def test_image_of_a_container_stays(room: Room) -> None:
    image = room.images.resolve("first")
    room.containers[image.id] = [ImageUser("c1", running=False)]
    found, _ = collector(room, 0, high=50, low=1)
    await found.collect()
    assert left(room) == ["first"]


async def test_young_image_stays(room: Room) -> None:
    given = StorageSettings(engine_id="e", high=1, low=1, min_age=100)
    images = room.images.everything()
    ages = sorted(each.tagged_at for each in images)
    found = candidates(images, room.users, given, ages[1] + 100)
    assert [each.names[0] for each in found] == ["first:latest", "second:latest"]


async def test_nameless_go_before_named(room: Room) -> None:
    layer = tar_of({"new": b"x"})
    await room.load(docker_archive((config_of([layer]), [layer], ["first:latest"])))
    given = StorageSettings(engine_id="e", high=1, low=1)
    found = list(candidates(room.images.everything(), room.users, given, 1e12))
    assert found[0].names == ()


async def test_dry_run_tells_each_once_and_removes_nothing(room: Room) -> None:
    found, told = collector(room, 100, high=90, low=90 - 1, dry_run=True)
    gone = await found.collect()
    assert [each.path for each in gone][:1] == ["first:latest"]
    await found.collect()
    assert left(room) == sorted(NAMES)
    assert {action for action, *_ in told.events} == {"would-collect"}
    assert len(told.events) == len(gone)
    assert found.last == [each.path for each in gone]


def test_used_is_in_percent() -> None:
    assert used(Space(200, 50)) == 75
    assert used(Space(0, 0)) == 0
