from __future__ import annotations

import trio
from trio.testing import MockClock

from tests.fakes.containerd import FakeContainerd
from tests.fakes.images_room import images_room
from tests.fakes.storage import FakeDisk, storage


async def test_report_has_every_owner_and_the_disk(autojump_clock: MockClock) -> None:
    stores = FakeContainerd()
    disk = FakeDisk({"tmp/part": 5, "state.db": 7, "mine": 1}, capacity=1000, free=250)
    async with images_room(stores) as images:
        room = storage(disk, stores, images.images, high=90, low=80, reserve=64)
        await room.report()
        await trio.sleep(30)
        found = await room.report()
    assert found.data_root == "/data"
    assert found.total == 13
    sizes = {name: each.bytes for name, each in found.owners.items() if each.bytes}
    assert sizes == {"unowned": 5, "state": 7, "foreign": 1}
    (stray,) = found.unowned
    assert (stray.path, stray.bytes, stray.for_s) == ("tmp/part", 5, 30)
    assert (found.size, found.free, found.reserve) == (1000, 250, 64)
    assert (found.collection.used, found.collection.high, found.collection.low) == (75, 90, 80)
