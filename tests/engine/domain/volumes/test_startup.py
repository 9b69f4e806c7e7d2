from __future__ import annotations

import pytest

from engine.domain.volumes.facade import Volumes
from engine.domain.volumes.records import VolumeRecord, VolumeUse, VolumeWish
from engine.errors import Conflict, SystemFailure, Unavailable
from engine.models.volumes import VolumeCreateRequest
from tests.engine.domain.volumes.rooms import Room, running, serving

TMPFS = {"type": "tmpfs", "device": "tmpfs"}


def names(volumes: Volumes) -> list[str]:
    return [volume.name for volume in volumes.list().volumes]


def known(room: Room, name: str, options: dict[str, str] | None = None) -> None:
    room.store.records[name] = VolumeRecord(name=name, created_ns=0, options=options)


async def test_next_daemon_knows_the_volumes_of_the_last(room: Room) -> None:
    async with running(room) as volumes:
        await volumes.create(VolumeCreateRequest(name="vol"))
    async with running(room) as volumes:
        assert names(volumes) == ["vol"]


async def test_volume_committed_and_not_yet_made_gets_its_directory(room: Room) -> None:
    known(room, "vol")
    async with running(room):
        assert room.disk.content == {"vol": {}}


async def test_open_removal_is_finished_with_its_event(room: Room) -> None:
    known(room, "vol")
    room.disk.content["vol"] = {"f": b"x"}
    room.store.intents.add("vol")
    async with running(room) as volumes:
        assert names(volumes) == []
    assert (room.disk.content, room.disk.away, room.store.intents) == ({}, {}, set())
    assert room.store.journal == ["destroy vol"]


async def test_committed_removal_is_only_cleaned_up(room: Room) -> None:
    room.disk.away["vol"] = {"f": b"x"}
    room.store.intents.add("vol")
    async with running(room):
        assert (room.disk.away, room.store.intents) == ({}, set())
    assert room.store.journal == []


async def test_removal_whose_intent_was_lost_with_the_power_is_undone(room: Room) -> None:
    known(room, "vol")
    room.disk.away["vol"] = {"f": b"x"}
    async with running(room) as volumes:
        assert names(volumes) == ["vol"]
    assert room.disk.content == {"vol": {"f": b"x"}}


async def test_directory_without_record_and_intent_is_left_alone(room: Room) -> None:
    room.disk.content["theirs"] = {"f": b"x"}
    async with running(room) as volumes:
        assert names(volumes) == []
    assert room.disk.content == {"theirs": {"f": b"x"}}


async def test_host_that_refuses_does_not_stop_the_start(room: Room) -> None:
    known(room, "vol")
    room.disk.failures["make"] = SystemFailure("read-only file system")
    async with running(room) as volumes:
        assert names(volumes) == ["vol"]


async def test_references_of_containers_are_taken_up(room: Room) -> None:
    known(room, "vol")
    use = VolumeUse(container_id="c1", volumes=(VolumeWish(name="vol"),))
    async with running(room, [use]) as volumes:
        with pytest.raises(Conflict, match=r"volume is in use - \[c1\]"):
            await volumes.remove("vol")


async def test_volume_whose_record_was_lost_keeps_its_data(room: Room) -> None:
    room.disk.content["vol"] = {"f": b"x"}
    use = VolumeUse(container_id="c1", volumes=(VolumeWish(name="vol"),))
    async with running(room, [use]) as volumes:
        assert names(volumes) == ["vol"]
    assert room.disk.content == {"vol": {"f": b"x"}}


async def test_volume_of_a_half_removed_container_is_not_made_again(room: Room) -> None:
    use = VolumeUse(container_id="c1", volumes=(VolumeWish(name="vol"),), rebuild=False)
    async with running(room, [use]) as volumes:
        assert names(volumes) == []


async def test_mounts_stay_for_running_containers_alone(room: Room) -> None:
    for name in ("used", "left"):
        known(room, name, TMPFS)
        room.disk.content[name] = {}
        room.disk.mounted[name] = TMPFS
    known(room, "bound")
    room.disk.content["bound"] = {}
    room.disk.mounted["bound"] = {}  # by an administrator: this volume needs no mount of ours
    uses = [
        VolumeUse(container_id="c1", volumes=(VolumeWish(name="used"),), running=True),
        VolumeUse(container_id="c2", volumes=(VolumeWish(name="left"),)),
    ]
    async with running(room, uses) as volumes:
        assert set(room.disk.mounted) == {"used", "bound"}
        await volumes.unmount("c1")
        assert set(room.disk.mounted) == {"bound"}


async def test_nothing_changes_before_the_references_are_known(room: Room) -> None:
    known(room, "vol")
    async with serving(room.daemon()) as volumes:
        with pytest.raises(Unavailable, match="still being restored"):
            await volumes.remove("vol")
        assert names(volumes) == ["vol"]


@pytest.fixture
def room() -> Room:
    return Room()
