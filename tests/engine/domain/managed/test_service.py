from __future__ import annotations

import trio
from trio.testing import MockClock

from tests.engine.domain.managed.rooms import Room, archive, running


async def enabled(room: Room) -> str:
    async with running(room) as managed:
        await managed.create("mini", archive())
        await managed.enable("mini")
        room.leave = True
        return managed.find("mini").id


async def test_ended_plugin_is_started_again_while_it_is_enabled(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as managed:
        await managed.create("mini", archive())
        await managed.enable("mini")
        await trio.sleep(1)
        room.machine.end(managed.find("mini").id)
        await trio.sleep(1)
        assert len(room.machine.starts) == 2
        await managed.disable("mini")
        await trio.sleep(60)
        assert room.machine.running == {}
        assert len(room.machine.starts) == 2


async def test_next_daemon_takes_up_what_runs(autojump_clock: MockClock) -> None:
    room = Room()
    plugin_id = await enabled(room)
    assert list(room.machine.running) == [plugin_id]
    room.leave = False
    async with running(room):
        await trio.sleep(1)
        assert room.machine.starts == [plugin_id]
    assert room.machine.running == {}


async def test_stopped_plugin_is_started_by_the_next_daemon(autojump_clock: MockClock) -> None:
    room = Room()
    plugin_id = await enabled(room)
    room.machine.end(plugin_id)
    async with running(room):
        await trio.sleep(1)
        assert list(room.machine.running) == [plugin_id]


async def test_start_sweeps_once_what_an_earlier_daemon_left(autojump_clock: MockClock) -> None:
    room = Room()
    plugin_id = await enabled(room)
    async with running(room):
        pass
    assert room.machine.swept == [set(), {plugin_id}]
