from __future__ import annotations

import pytest

from engine.domain.volumes.facade import VolumeWish
from engine.errors import InvalidParameter, NotFound
from engine.models.volumes import VolumeCreateRequest
from tests.engine.domain.volumes.rooms import Room, running

TMPFS = {"type": "tmpfs", "device": "tmpfs"}


async def test_list_is_by_name_and_takes_filters() -> None:
    async with running(Room()) as volumes:
        for name in ("bb", "aa", "cc"):
            await volumes.create(VolumeCreateRequest(name=name))
        await volumes.provide("c1", [VolumeWish(name="bb")])
        assert [each.name for each in volumes.list().volumes] == ["aa", "bb", "cc"]
        unused = volumes.list({"dangling": ["1"]}).volumes
        assert [each.name for each in unused] == ["aa", "cc"]
        assert list(volumes.users("bb")) == ["c1"]
        with pytest.raises(InvalidParameter):
            volumes.list({"foo": ["x"]})


async def test_inspect_shows_the_mountpoint() -> None:
    async with running(Room()) as volumes:
        created = await volumes.create(VolumeCreateRequest(name="vol", labels={"a": "b"}))
        assert volumes.inspect("vol") == created
        assert created.mountpoint == volumes.mountpoint("vol") == "/volumes/vol/_data"
        with pytest.raises(NotFound):
            volumes.inspect("other")


async def test_check_refuses_without_making_anything() -> None:
    room = Room()
    async with running(room) as volumes:
        await volumes.check(VolumeWish(name="vol"))
        with pytest.raises(InvalidParameter):
            await volumes.check(VolumeWish(name="../x"))
    assert room.disk.calls == []


async def test_only_volumes_that_may_be_empty_are_filled() -> None:
    room = Room()
    async with running(room) as volumes:
        await volumes.create(VolumeCreateRequest(name="plain"))
        await volumes.create(VolumeCreateRequest(name="ram", driver_opts=TMPFS))
        assert await volumes.may_be_filled("plain")
        room.disk.content["plain"]["f"] = b"x"
        assert not await volumes.may_be_filled("plain")
        assert await volumes.may_be_filled("ram")
        assert await volumes.size("plain") == 1


async def test_plain_volumes_send_no_mail_to_be_mounted() -> None:
    room = Room()
    async with running(room) as volumes:
        await volumes.create(VolumeCreateRequest(name="plain"))
        await volumes.create(VolumeCreateRequest(name="ram", driver_opts=TMPFS))
        before = volumes.mailbox.stats().peak
        await volumes.mount("c1", ["plain"])
        await volumes.unmount("c1")
        assert volumes.mailbox.stats().peak == before
        await volumes.mount("c1", ["plain", "ram"])
        assert list(room.disk.mounted) == ["ram"]
        await volumes.release("c1")
        assert room.disk.mounted == {}
