from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from engine.domain.containers.doorway import PATIENCE, Doorway
from engine.errors import SystemFailure


async def enter(doorway: Doorway, seconds: float, log: list[str]) -> None:
    async with doorway.entering():
        log.append("enters")
        await trio.sleep(seconds)
        log.append("is in")


async def test_many_enter_at_a_time_and_a_freeze_waits_for_them(autojump_clock: MockClock) -> None:
    doorway, log = Doorway(), list[str]()
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(enter, doorway, 1, log)
        await wait_all_tasks_blocked()
        async with doorway.shut():
            assert log == ["enters", "enters", "is in", "is in"]
            nursery.start_soon(enter, doorway, 1, log)
            await trio.sleep(5)
            assert len(log) == 4
    assert log[4:] == ["enters", "is in"]
    assert doorway.shuts == 1


async def test_who_stays_in_the_doorway_keeps_it_from_being_shut(autojump_clock: MockClock) -> None:
    doorway, log = Doorway(), list[str]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(enter, doorway, 100, log)
        await wait_all_tasks_blocked()
        begun = trio.current_time()
        with pytest.raises(SystemFailure, match="does not come to its start"):
            async with doorway.shut():
                pass
        assert trio.current_time() - begun == PATIENCE
        await enter(doorway, 1, log)
        assert log == ["enters", "enters", "is in"]
        nursery.cancel_scope.cancel()
