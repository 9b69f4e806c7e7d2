from __future__ import annotations

from contextlib import aclosing

import trio

from tests.engine.domain.images.samples import ARCHIVE, ID, empty
from tests.fakes.containerd import FakeContainerd
from tests.fakes.image_archives import (
    tar_of,
)
from tests.fakes.images_room import Room


async def test_cancelled_load_leaves_nothing(room: Room, stores: FakeContainerd) -> None:
    async def body() -> None:
        async for _ in room.images.load(chunks):
            pass

    class Stuck:
        def __aiter__(self) -> Stuck:
            return self

        async def __anext__(self) -> bytes:
            if chunks_left:
                return chunks_left.pop()
            started.set()
            await trio.sleep_forever()
            return b""

    big = tar_of({"l": bytes(400 << 10)})
    chunks_left, started, chunks = [big[: 300 << 10]], trio.Event(), Stuck()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(body)
        await started.wait()
        assert stores.leases.leases
        nursery.cancel_scope.cancel()
    assert empty(stores)


async def test_lost_snapshot_is_made_again(room: Room, stores: FakeContainerd) -> None:
    await room.load(ARCHIVE)
    image = room.images.resolve(ID)
    stores.snapshots.snapshots.clear()
    assert await room.images.unpacked(image) == image.chain_id
    assert set(stores.snapshots.snapshots) == set(image.chain_ids)


async def test_stream_that_is_closed_early_gives_its_lease_back(
    room: Room, stores: FakeContainerd
) -> None:
    await room.load(ARCHIVE)
    async with aclosing(room.images.save(["busybox"])) as stream:
        await anext(stream)
        assert stores.leases.leases
    assert not stores.leases.leases
