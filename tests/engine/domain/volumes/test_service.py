from __future__ import annotations

import trio
import trio.testing

from engine.models.volumes import VolumeCreateRequest
from tests.engine.domain.volumes.rooms import Room, running, serving


async def test_slow_volume_holds_up_nobody_else(autojump_clock: trio.testing.MockClock) -> None:
    room = Room()
    async with running(room) as volumes:
        await volumes.create(VolumeCreateRequest(name="slow"))
        room.disk.delays["discard"] = 60
        async with trio.open_nursery() as nursery:
            nursery.start_soon(volumes.remove, "slow")
            await trio.testing.wait_all_tasks_blocked()
            with trio.fail_after(1):
                await volumes.create(VolumeCreateRequest(name="quick"))
                assert [v.name for v in volumes.list().volumes] == ["quick"]


async def test_removal_runs_to_its_end_though_the_asker_left(
    autojump_clock: trio.testing.MockClock,
) -> None:
    room = Room()
    async with running(room) as volumes:
        await volumes.create(VolumeCreateRequest(name="vol"))
        room.disk.delays["stow"] = 5
        with trio.move_on_after(1):
            await volumes.remove("vol")
        assert "vol" in room.store.records
        await trio.sleep(10)
        assert room.store.records == {}


async def test_later_incarnation_keeps_the_book() -> None:
    room = Room()
    volumes = room.daemon()
    async with serving(volumes):
        await volumes.restore([])
        await volumes.create(VolumeCreateRequest(name="vol"))
    room.store.records.clear()  # nothing is read again
    async with serving(volumes):
        await volumes.create(VolumeCreateRequest(name="vol2"))
        assert [v.name for v in volumes.list().volumes] == ["vol", "vol2"]
