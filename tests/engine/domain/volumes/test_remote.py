from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from engine.domain.volumes.records import VolumeRecord, VolumeUse, VolumeWish
from engine.domain.volumes.remote import caller
from engine.errors import NotFound, SystemFailure, Unavailable
from engine.models.volumes import VolumeCreateRequest
from tests.engine.domain.volumes.rooms import Room, running

AWAY = Unavailable('plugin "far": gone')
RECORD = VolumeRecord(name="vol", created_ns=7, driver="far")


@pytest.fixture
def room() -> Room:
    found = Room()
    found.drivers.volumes["far"] = set()
    return found


def use(*, running: bool = False) -> VolumeUse:
    return VolumeUse(
        container_id="c1", volumes=(VolumeWish(name="vol", driver="far"),), running=running
    )


async def test_plugin_makes_shows_and_removes(room: Room) -> None:
    async with running(room) as volumes:
        made = await volumes.create(VolumeCreateRequest(name="vol", driver="far"))
        assert (made.driver, made.mountpoint, made.scope) == ("far", "/far/vol", "global")
        assert (await volumes.describe("vol")).status == {"x": 1}
        assert volumes.drivers() == ["local", "far"]
        with pytest.raises(SystemFailure):
            await volumes.size("vol")
        await volumes.remove("vol")
        assert room.drivers.volumes == {"far": set()}
    assert room.store.records == {}


async def test_missing_driver_is_said_before_anything_is_made(room: Room) -> None:
    async with running(room) as volumes:
        for ask in (
            volumes.create(VolumeCreateRequest(name="vol", driver="nope")),
            volumes.check(VolumeWish(name="vol", driver="nope")),
        ):
            with pytest.raises(NotFound) as refusal:
                await ask
            assert str(refusal.value) == (
                'create vol: error looking up volume plugin nope: plugin "nope" not found'
            )
    assert room.store.records == {}


async def test_refused_creation_leaves_no_record(room: Room) -> None:
    room.drivers.failures["create"] = SystemFailure("disk is full")
    async with running(room) as volumes:
        with pytest.raises(SystemFailure, match="create vol: disk is full"):
            await volumes.create(VolumeCreateRequest(name="vol", driver="far"))
        assert list(volumes.names()) == []
    assert room.store.journal == []


async def test_first_user_mounts_and_last_unmounts_at_the_engines_own_place(room: Room) -> None:
    async with running(room) as volumes:
        await volumes.create(VolumeCreateRequest(name="vol", driver="far"))
        await volumes.mount("c1", ["vol"])
        await volumes.mount("c2", ["vol"])
        assert room.disk.mounted["vol"] == {"type": "none", "o": "rbind", "device": "/far/vol"}
        assert room.store.mounts == {"vol"}
        await volumes.unmount("c1")
        assert len(room.drivers.mounted) == 1
        await volumes.unmount("c2")
    assert (room.drivers.mounted, room.disk.mounted, room.store.mounts) == (set(), {}, set())


async def test_failed_mount_is_undone_in_the_background(
    room: Room, autojump_clock: MockClock
) -> None:
    room.drivers.failures["mount"] = AWAY
    async with running(room) as volumes:
        await volumes.create(VolumeCreateRequest(name="vol", driver="far"))
        with pytest.raises(SystemFailure, match=r'error while mounting volume .*"far": gone'):
            await volumes.mount("c1", ["vol"])
        await trio.sleep(5)
        assert "unmount vol" in room.drivers.calls
        assert room.store.mounts == set()


async def test_unmount_that_fails_is_tried_until_it_works(
    room: Room, autojump_clock: MockClock
) -> None:
    async with running(room) as volumes:
        await volumes.create(VolumeCreateRequest(name="vol", driver="far"))
        await volumes.mount("c1", ["vol"])
        room.drivers.failures["unmount"] = AWAY
        await volumes.unmount("c1")
        await trio.sleep(60)
        assert room.store.mounts == {"vol"}
        del room.drivers.failures["unmount"]
        await trio.sleep(20)
        assert (room.drivers.mounted, room.store.mounts) == (set(), set())


async def test_next_daemon_unmounts_what_a_dead_one_left(
    room: Room, autojump_clock: MockClock
) -> None:
    room.store.records["vol"] = RECORD
    room.store.mounts = {"vol", "lost"}
    room.drivers.mounted = {("far", "vol", caller(RECORD))}
    async with running(room, [use()]):
        await trio.sleep(5)
    assert (room.drivers.mounted, room.store.mounts) == (set(), set())


async def test_running_container_keeps_its_mount_over_a_restart(
    room: Room, autojump_clock: MockClock
) -> None:
    room.store.records["vol"] = RECORD
    room.store.mounts = {"vol"}
    room.drivers.mounted = {("far", "vol", caller(RECORD))}
    async with running(room, [use(running=True)]) as volumes:
        await trio.sleep(5)
        assert room.drivers.calls == []
        await volumes.unmount("c1")
    assert (room.drivers.mounted, room.store.mounts) == (set(), set())


async def test_start_does_not_ask_a_plugin(room: Room) -> None:
    room.store.records["vol"] = RECORD
    room.drivers.volumes.clear()
    async with running(room, [use()]) as volumes:
        assert room.drivers.calls == []
        assert list(volumes.users("vol")) == ["c1"]


async def test_lost_record_of_a_dead_plugin_does_not_stop_the_start(room: Room) -> None:
    room.drivers.volumes.clear()
    async with running(room, [use()]) as volumes:
        assert list(volumes.names()) == []


async def test_force_removes_what_its_plugin_does_not(room: Room) -> None:
    async with running(room) as volumes:
        await volumes.create(VolumeCreateRequest(name="vol", driver="far"))
        room.drivers.failures["remove"] = AWAY
        with pytest.raises(Unavailable, match='remove vol: plugin "far": gone'):
            await volumes.remove("vol")
        assert list(volumes.names()) == ["vol"]
        await volumes.remove("vol", force=True)
        assert list(volumes.names()) == []


async def test_removal_cut_off_is_finished_with_its_plugin(
    room: Room, autojump_clock: MockClock
) -> None:
    room.store.records["vol"] = RECORD
    room.store.intents.add("vol")
    room.drivers.volumes["far"] = {"vol"}
    async with running(room):
        await trio.sleep(5)
    assert room.drivers.volumes == {"far": set()}
    assert room.store.records == {}
