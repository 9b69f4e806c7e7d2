from __future__ import annotations

import pytest
from trio.testing import MockClock

from engine.errors import Conflict, InvalidParameter, NotFound, SystemFailure
from tests.engine.domain.managed.rooms import Room, archive, running


async def test_life_of_a_plugin(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as managed:
        await managed.create("me/mini", archive())
        found = managed.inspect("me/mini")
        assert (found["Name"], found["Enabled"]) == ("me/mini:latest", False)
        assert managed.inspect(found["Id"][:10]) == found
        with pytest.raises(Conflict):
            await managed.create("me/mini:latest", archive())
        with pytest.raises(NotFound, match="found but disabled"):
            managed.endpoint("me/mini")
        await managed.set("me/mini", ["A=2"])
        await managed.enable("me/mini")
        endpoint = managed.endpoint("me/mini")
        assert endpoint is not None
        assert endpoint.implements == ("VolumeDriver",)
        for refused in (managed.enable("me/mini"), managed.remove("me/mini")):
            with pytest.raises(Conflict):
                await refused
        with pytest.raises(SystemFailure):
            await managed.set("me/mini", ["A=3"])
        room.used.add("me/mini:latest")
        with pytest.raises(Conflict, match="is in use"):
            await managed.disable("me/mini")
        await managed.disable("me/mini", force=True)
        room.used.clear()
        await managed.remove("me/mini")
        assert managed.list({}) == []
    assert (room.machine.running, room.machine.installed, room.store.records) == ({}, set(), {})
    assert room.store.told == ["create", "enable", "disable", "remove"]


async def test_plugin_that_does_not_start_stays_disabled(autojump_clock: MockClock) -> None:
    room = Room()
    room.machine.failures["start"] = SystemFailure("no such file")
    async with running(room) as managed:
        await managed.create("mini", archive())
        with pytest.raises(SystemFailure, match="plugin mini:latest: no such file"):
            await managed.enable("mini")
        assert not managed.find("mini").enabled


async def test_list_filters(autojump_clock: MockClock) -> None:
    async with running(Room()) as managed:
        await managed.create("one", archive())
        await managed.create("two", archive())
        await managed.enable("two")
        names = [each["Name"] for each in managed.list({"enabled": ["true"]})]
        assert names == ["two:latest"]
        assert len(managed.list({"capability": ["volumedriver"]})) == 2
        assert managed.list({"capability": ["authz"]}) == []
        with pytest.raises(InvalidParameter):
            managed.list({"nope": ["x"]})
        with pytest.raises(NotFound):
            managed.find("")
        assert managed.endpoint("three") is None
