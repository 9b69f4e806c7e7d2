from __future__ import annotations

import time

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from engine.domain.events.service import PERIOD, TIMELINE, EventsService, Limits, Retention
from tests.fakes.event_log import FakeEventLog


async def pruned(
    clock: MockClock, retention: Retention, times: int = 1
) -> list[tuple[int, int, int]]:
    """What the log was told, until it has been pruned so many times."""
    log = FakeEventLog()
    service = EventsService(log, Limits(retention))
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: service.run(task_status=task_status))
        while len(log.pruned) < times:
            await wait_all_tasks_blocked(0.001)
            if trio.lowlevel.current_statistics().seconds_to_next_deadline <= PERIOD:
                clock.jump(PERIOD)
        await service.stop()
    return log.pruned


async def test_log_is_pruned_at_the_start_and_each_minute(mock_clock: MockClock) -> None:
    begun = trio.current_time()
    told = await pruned(mock_clock, Retention(count=10, age=3600, bytes=1000), times=3)
    assert trio.current_time() - begun == pytest.approx(2 * PERIOD, abs=PERIOD)
    keep, oldest, size = told[0]
    assert (keep, size) == (10, 1000)
    assert oldest / 1e9 == pytest.approx(time.time() - 3600, abs=60)


async def test_no_age_is_no_limit(mock_clock: MockClock) -> None:
    told = await pruned(mock_clock, Retention(count=0, age=0, bytes=0))
    assert told[0] == (0, 0, 0)


async def test_new_limits_hold_at_once(mock_clock: MockClock) -> None:
    log, limits = FakeEventLog(), Limits(Retention(count=10, age=0, bytes=0))
    service = EventsService(log, limits)
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: service.run(task_status=task_status))
        while len(log.pruned) < 1:
            await wait_all_tasks_blocked(0.001)
        limits.change(Retention(count=3, age=0, bytes=7))
        while len(log.pruned) < 2:
            await wait_all_tasks_blocked(0.001)
        await service.stop()
    assert log.pruned[1] == (3, 0, 7)
    assert trio.current_time() < PERIOD


async def test_timelines_are_pruned_too(mock_clock: MockClock) -> None:
    log, before = FakeEventLog(), time.time_ns()
    EventsService(log, Limits(Retention(timeline=60)))._prune()
    ((newer_than_ns, most),) = log.timelines
    assert before - 61 * 10**9 < newer_than_ns <= time.time_ns() - 60 * 10**9
    assert most == TIMELINE
