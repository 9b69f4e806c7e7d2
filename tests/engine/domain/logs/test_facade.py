from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from engine.domain.logs.delivery import LAST_PAUSE
from engine.domain.logs.facade import KEEP_REMOVED, SWEEP_EVERY, Logs
from engine.domain.logs.ports import Destination
from engine.domain.logs.writer import JsonFileLog
from engine.errors import SystemFailure
from tests.engine.domain.containers.passing import settled, time_passing
from tests.engine.domain.logs.records import ID, destination, numbers, records
from tests.fakes.receivers import FakeReceivers


class Life:
    """One daemon's logs."""

    def __init__(self, directory: Path, receivers: FakeReceivers) -> None:
        self.logs = Logs(directory / "logs", receivers.open)
        self.home = directory / "logs" / ID
        self.receivers = receivers

    async def run(self, where: Destination | None = None) -> JsonFileLog:
        log = await trio.to_thread.run_sync(self.logs.open, where or destination())
        self.logs.serve(ID, log)
        await settled()
        return log

    @property
    def texts(self) -> list[str]:
        return self.receivers.texts.get("web", [])

    async def dropped(self) -> object:
        return (await self.logs.report(ID))["Dropped"]


@asynccontextmanager
async def living(directory: Path, receivers: FakeReceivers) -> AsyncIterator[Life]:
    life = Life(directory, receivers)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(time_passing)
        run = life.logs.supervisor.run
        await nursery.start(lambda task_status: run(task_status=task_status))
        await settled()
        yield life
        await life.logs.supervisor.stop()
        nursery.cancel_scope.cancel()


async def test_each_run_of_a_container_is_delivered(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    async with living(tmp_path, FakeReceivers()) as life:
        for start in (0, 10, 20):
            log = await life.run()
            await log.append(records(start, start + 10))
            await log.close()
            await settled()
        assert life.texts == numbers(0, 30)
        assert life.logs.supervisor.names() == ("deliveries",)
        report = await life.logs.report(ID)
        assert report["Receiver"] == "fake://receiver"
        assert (report["Connected"], report["ConnectedSince"], report["LastError"]) == (
            False,
            "",
            "",
        )
        assert (report["Delivered"], report["Dropped"], report["SpooledLines"]) == (30, 0, 0)


async def test_run_that_begins_in_the_moment_in_which_the_last_delivery_ends_is_served(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    async with living(tmp_path, FakeReceivers()) as life:
        total = 0
        for pause in range(40):
            log = await trio.to_thread.run_sync(life.logs.open, destination())
            life.logs.serve(ID, log)
            await log.append(records(total, total + 1))
            total += 1
            await log.close()
            for _ in range(pause):
                await trio.lowlevel.checkpoint()
        for _ in range(100):  # the spool is read in threads
            await settled()
            if len(life.texts) == total:
                break
        assert life.texts == numbers(0, total)


async def test_what_was_not_delivered_is_delivered_by_the_next_daemon(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    receivers = FakeReceivers()
    receivers.down = True
    async with living(tmp_path, receivers) as life:
        log = await life.run()
        await log.append(records(0, 100))
        await settled()
        report = await life.logs.report(ID)
        assert (report["SpooledLines"], report["LastError"]) == (100, "Connection refused")
        assert report["LastErrorAt"] != ""
        await log.close()
    receivers.down = False
    async with living(tmp_path, receivers) as life:
        await settled()
        assert life.texts == numbers(0, 100)


async def test_removed_containers_lines_are_delivered_and_then_nothing_is_left(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    receivers = FakeReceivers()
    receivers.down = True
    async with living(tmp_path, receivers) as life:
        log = await life.run()
        await log.append(records(0, 5))
        await log.close()
        await life.logs.forget(ID)
        await settled()
        assert life.home.exists()
    async with living(tmp_path, receivers) as life:  # also by the next daemon
        receivers.down = False
        await trio.sleep(LAST_PAUSE + 1)
        await settled()
        assert life.texts == numbers(0, 5)
        assert not life.home.exists()
        assert await life.logs.report(ID) == {}


async def test_delivered_log_of_a_removed_container_goes_at_once(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    async with living(tmp_path, FakeReceivers()) as life:
        log = await life.run()
        await log.append(records(0, 5))
        await log.close()
        await settled()
        await life.logs.forget(ID)
        await settled()
        assert not life.home.exists()
        await life.logs.forget(ID)


async def test_removed_containers_lines_do_not_wait_for_ever(
    tmp_path: Path, mock_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    receivers = FakeReceivers()
    receivers.down = True
    async with living(tmp_path, receivers) as life:
        log = await life.run()
        await log.append(records(0, 5))
        await log.close()
        await life.logs.forget(ID)
        await trio.sleep(2 * SWEEP_EVERY)
        assert life.home.exists()
        monkeypatch.setattr("engine.domain.logs.facade.KEEP_REMOVED", -1.0)
        await trio.sleep(2 * SWEEP_EVERY)
        await settled()
        assert not life.home.exists()
        assert life.logs.supervisor.names() == ("deliveries",)
    assert KEEP_REMOVED == 24 * 3600


async def test_crash_of_the_overseer_costs_no_line(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    async with living(tmp_path, FakeReceivers()) as life:
        log = await life.run()
        await log.append(records(0, 5))
        await life.logs.supervisor.restart("deliveries")
        await settled()
        service = next(name for name in life.logs.supervisor.names() if name != "deliveries")
        await life.logs.supervisor.restart(service)
        await log.append(records(5, 10))
        await log.close()
        await settled()
        assert life.texts == numbers(0, 10)


async def test_non_blocking_mode_bounds_what_waits(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    receivers = FakeReceivers()
    receivers.down = True
    async with living(tmp_path, receivers) as life:
        log = await life.run(destination(mode="non-blocking", max_buffer_size="10k"))
        await log.append(records(0, 1000))
        await trio.sleep(2 * LAST_PAUSE)
        report = await life.logs.report(ID)
        assert 0 < int(report["SpooledBytes"]) <= 10 * 1024
        assert report["Dropped"] == 1000 - int(report["SpooledLines"])
        receivers.down = False
        await trio.sleep(2 * LAST_PAUSE)
        assert life.texts == numbers(int(report["Dropped"]), 1000)
        await log.close()


async def test_destination_that_cannot_be_used_is_refused_at_the_start(tmp_path: Path) -> None:
    life = Life(tmp_path, FakeReceivers())
    with pytest.raises(SystemFailure, match="can't evaluate field Foo"):
        life.logs.open(destination(tag="{{.Foo}}"))
    with pytest.raises(SystemFailure, match="invalid value for max-size: x"):
        life.logs.open(destination(cache_max_size="x"))
    assert not life.home.exists()


async def test_damaged_destination_is_left_alone(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    home = tmp_path / "logs" / ID
    home.mkdir(parents=True)
    (home / "destination.json").write_text("rubbish")
    async with living(tmp_path, FakeReceivers()) as life:
        await settled()
        assert home.exists()
        assert await life.logs.report(ID) == {}
