from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from engine.domain.logs.delivery import LAST_PAUSE, SEND_LIMIT, Delivery, DeliveryService
from engine.domain.logs.options import JsonFileOptions
from engine.domain.logs.writer import JsonFileLog
from tests.engine.domain.containers.passing import settled, time_passing
from tests.engine.domain.logs.records import destination, numbers, records, spool
from tests.fakes.receivers import FakeReceivers

HOUR = 3600.0


class Scene:
    """One log, its delivery, and receivers that may be down."""

    def __init__(self, directory: Path, *, max_size: int = 40_000, max_file: int = 3) -> None:
        self.receivers = FakeReceivers()
        place = spool(directory, max_file)
        self.delivery = Delivery(destination(), place)
        self.log = JsonFileLog(place.path, JsonFileOptions(max_size, max_file), place.rotating)
        self.delivery.attach(self.log)
        self.ended = trio.Event()

    def service(self) -> DeliveryService:
        return DeliveryService(self.delivery, self.receivers.open, self.ended.set)

    @property
    def texts(self) -> list[str]:
        return self.receivers.texts.get("web", [])

    @asynccontextmanager
    async def delivering(self) -> AsyncIterator[DeliveryService]:
        async with trio.open_nursery() as nursery:
            service = self.service()
            await nursery.start(lambda task_status: service.run(task_status=task_status))
            nursery.start_soon(time_passing)
            await settled()
            yield service
            nursery.cancel_scope.cancel()


async def test_lines_are_delivered_while_they_come(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    scene = Scene(tmp_path)
    async with scene.delivering():
        for number in range(5):
            await scene.log.append(records(number, number + 1))
            await settled()
            assert scene.texts == numbers(0, number + 1)
        assert scene.delivery.condition.connected_ns
        assert not scene.ended.is_set()
        await scene.log.close()
        await scene.ended.wait()
    assert scene.delivery.idle
    assert scene.receivers.connects == 1


@pytest.mark.parametrize(
    ("burst", "size"),
    [
        # Of each minute as much as fills the files a few times over all.
        (5_000, 500_000),
        # All of 10,000 lines a second, in files as they are by default.
        pytest.param(600_000, 20 << 20, marks=pytest.mark.torture),
    ],
)
async def test_receiver_that_is_down_for_an_hour_costs_the_container_nothing(
    tmp_path: Path, mock_clock: trio.testing.MockClock, burst: int, size: int
) -> None:
    scene = Scene(tmp_path, max_size=size, max_file=5)
    scene.receivers.down = True
    written = 0
    async with scene.delivering():
        for _ in range(60):
            with trio.fail_after(HOUR / 60):  # who waited for the receiver would wait for ever
                for _ in range(5):
                    await scene.log.append(records(written, written + burst // 5))
                    written += burst // 5
            await trio.sleep(HOUR / 60)
        condition = scene.delivery.condition
        assert condition.error == "Connection refused"
        assert not condition.connected_ns
        waiting = await trio.to_thread.run_sync(scene.delivery.spool.backlog)
        assert 0 < waiting.bytes <= 5 * (size + 200)
        scene.receivers.down = False
        await scene.log.append(records(written, written + 10))
        for _ in range(60):
            await trio.sleep(LAST_PAUSE)
            await settled()
            if len(scene.texts) >= waiting.lines + 10:
                break
    assert scene.texts == numbers(written - waiting.lines, written + 10)
    assert scene.delivery.spool.dropped == written - waiting.lines
    assert scene.delivery.spool.delivered == len(scene.texts)
    await scene.log.close()


async def test_connection_that_breaks_loses_and_repeats_no_batch(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    scene = Scene(tmp_path, max_size=10_000_000)
    scene.receivers.fail_after = 2
    await scene.log.append(records(0, 10_000))
    async with scene.delivering():
        await scene.log.close()
        await scene.ended.wait()
    assert scene.texts == numbers(0, 10_000)
    assert scene.receivers.connects == 2


async def test_receiver_that_hangs_is_left_at_the_deadline(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    scene = Scene(tmp_path)
    scene.receivers.stuck = True
    await scene.log.append(records(0, 3))
    async with scene.delivering():
        await trio.sleep(SEND_LIMIT + 0.1)
        assert scene.delivery.condition.error == "it does not answer"
        scene.receivers.stuck = False
        await trio.sleep(LAST_PAUSE + SEND_LIMIT)
        assert scene.texts == numbers(0, 3)
    await scene.log.close()


async def test_stop_lets_the_last_lines_out_where_somebody_takes_them(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    scene = Scene(tmp_path)
    async with scene.delivering() as service:
        await scene.log.append(records(0, 3))
        await scene.log.close()
        await service.stop()
        await settled()
        assert scene.texts == numbers(0, 3)


async def test_stop_waits_for_nobody_who_is_away_or_goes_on(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    for down in (True, False):
        scene = Scene(tmp_path)
        scene.receivers.down = down
        async with scene.delivering() as service:
            await scene.log.append(records(0, 3))
            await settled()
            before = trio.current_time()
            await service.stop()
            assert trio.current_time() == before
        await scene.log.close()
