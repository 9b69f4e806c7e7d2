from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
from trio.testing import MockClock

from engine.errors import Unavailable
from tests.fakes.containerd import FakeContainerd
from tests.fakes.images_room import Room, images_room
from tests.fakes.storage import FakeDisk, Told, storage


@asynccontextmanager
async def serving(
    disk: FakeDisk, stores: FakeContainerd | None = None, **options: Any
) -> AsyncIterator[tuple[Any, Room]]:
    stores = stores or FakeContainerd()
    async with images_room(stores) as images, trio.open_nursery() as nursery:
        room = storage(disk, stores, images.images, **options)
        service = room.service()
        await nursery.start(lambda task_status: service.run(task_status=task_status))
        yield room, images
        await service.stop()


async def test_sweeps_by_itself_when_the_time_has_come(autojump_clock: MockClock) -> None:
    disk, told = FakeDisk({"tmp/part": 5}), Told()
    async with serving(disk, grace=60, interval=600, tell=told):
        await trio.sleep(65)  # it has been seen
        assert disk.removed == []
        await trio.sleep(600)
        assert disk.removed == ["tmp/part"]
    assert told.events == [("sweep", "tmp/part", {"size": "5", "reason": "unowned"})]


async def test_outage_puts_a_sweep_off(autojump_clock: MockClock) -> None:
    disk, stores = FakeDisk({"tmp/part": 5}), FakeContainerd()
    away = True
    listing = stores.images.list

    async def images(*filters: str) -> Any:
        if away:
            raise Unavailable("containerd is away")
        return await listing(*filters)

    async with serving(disk, stores, grace=0, interval=600):
        stores.images.list = images  # type: ignore[method-assign]
        await trio.sleep(1)
        assert disk.removed == []
        away = False
        await trio.sleep(700)
        assert disk.removed == ["tmp/part"]


async def test_collects_soon_after_the_disk_is_full(autojump_clock: MockClock) -> None:
    from tests.engine.domain.images.samples import ARCHIVE

    disk = FakeDisk(capacity=1000, free=500)
    async with serving(disk, high=90, low=80, interval=10**6, grace=10**6) as (_, images):
        await images.load(ARCHIVE)
        await trio.sleep(120)
        assert len(images.images.everything()) == 1
        disk.free = 50
        await trio.sleep(61)
        assert images.images.everything() == []


async def test_asked_sweep_collects_too_and_tells_it(autojump_clock: MockClock) -> None:
    from tests.engine.domain.images.samples import ARCHIVE

    disk = FakeDisk(capacity=1000, free=10)
    async with serving(disk, high=90, low=80, grace=10**6) as (room, images):
        await images.load(ARCHIVE)
        report = await room.sweep(grace=0)
        assert [each.path for each in report.collected] == ["busybox:latest"]
        assert (await room.sweep(dry_run=True)).dry_run
