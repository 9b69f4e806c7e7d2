from __future__ import annotations

import pytest
import trio
import trio.testing

from engine.domain.containers.restarts import RestartManager, Schedule


class Diary:
    """When which container was started again."""

    def __init__(self) -> None:
        self.begun = trio.current_time()
        self.entries: list[tuple[str, float]] = []

    async def again(self, container_id: str) -> None:
        self.entries.append((container_id, round(trio.current_time() - self.begun, 3)))


async def test_schedule_gives_each_out_once_when_it_is_due(
    autojump_clock: trio.testing.MockClock,
) -> None:
    schedule = Schedule()
    schedule.put("a", 2)
    schedule.put("b", 1)
    assert schedule.take_due() == []
    await trio.sleep(1)
    assert schedule.take_due() == ["b"]
    await trio.sleep(1)
    assert schedule.take_due() == ["a"]
    assert schedule.take_due() == []


async def test_later_entry_replaces_an_earlier_one_and_cancel_takes_it_out(
    autojump_clock: trio.testing.MockClock,
) -> None:
    schedule = Schedule()
    schedule.put("a", 1)
    schedule.put("a", 10)
    schedule.put("b", 1)
    schedule.cancel("b")
    schedule.cancel("unknown")
    await trio.sleep(5)
    assert schedule.take_due() == []
    await trio.sleep(5)
    assert schedule.take_due() == ["a"]


async def test_wait_ends_when_something_is_due_or_something_earlier_comes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    schedule = Schedule()
    schedule.put("a", 60)
    begun = trio.current_time()
    await schedule.wait()
    assert trio.current_time() - begun == pytest.approx(60)
    schedule.take_due()
    schedule.put("late", 60)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(schedule.wait)
        await trio.testing.wait_all_tasks_blocked()
        schedule.put("early", 1)
    assert trio.current_time() - begun == pytest.approx(60)


async def test_manager_tells_each_operator_in_its_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    schedule, diary = Schedule(), Diary()
    schedule.put("first", 0)
    manager = RestartManager(schedule, diary.again)
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: manager.run(task_status=task_status))
        schedule.put("slow", 30)
        await trio.sleep(1)
        schedule.put("quick", 0.1)
        schedule.put("never", 5)
        schedule.cancel("never")
        await trio.sleep(100)
        await manager.stop()
    assert diary.entries == [("first", 0.0), ("quick", 1.1), ("slow", 30.0)]


async def test_schedule_outlives_its_manager(autojump_clock: trio.testing.MockClock) -> None:
    schedule, diary = Schedule(), Diary()
    schedule.put("a", 10)
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            manager = RestartManager(schedule, diary.again)
            await nursery.start(lambda task_status, m=manager: m.run(task_status=task_status))
            await trio.sleep(6)
            await manager.stop()
    assert diary.entries == [("a", 10.0)]
