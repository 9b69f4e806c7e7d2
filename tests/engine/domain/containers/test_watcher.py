from __future__ import annotations

from pathlib import Path

import trio
from trio.testing import MockClock

from engine.domain.containers.records import Status
from engine.domain.containers.watcher import PERIOD, SETTLING
from engine.models.runtime import TaskExit
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import running


async def test_exit_and_out_of_memory_reach_their_container(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        web, db = await daemon.run("web"), await daemon.run("db")
        daemon.runtime.out_of_memory(web.id)
        await daemon.ends(web, 137)
        assert (web.record.state.exit_code, web.record.state.oom_killed) == (137, True)
        assert db.record.state.status is Status.RUNNING


async def test_events_of_nobody_and_of_other_kinds_are_passed_over(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        daemon.runtime.tell(TaskExit("f" * 64, "f" * 64, 1, 0, 0))
        daemon.runtime.tell(TaskExit(cell.id, "e" * 64, 1, 0, 0))
        daemon.runtime.tell(object())
        await settled()
        assert cell.record.state.status is Status.RUNNING
        await daemon.ends(cell, 1)
        assert cell.record.state.exit_code == 1


async def test_exit_whose_event_is_lost_is_found_by_the_regular_look(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        await trio.sleep(2 * SETTLING)
        await daemon.ends(cell, 3, told=False)
        await trio.sleep(PERIOD / 2)
        assert cell.record.state.status is Status.RUNNING
        await trio.sleep(PERIOD)
        assert (cell.record.state.status, cell.record.state.exit_code) == (Status.EXITED, 3)


async def test_outage_is_followed_by_a_look_at_all_and_by_who_else_must_look(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        assert (daemon.runtime.subscriptions, daemon.refreshed) == (1, 0)
        daemon.runtime.away = True
        await trio.sleep(2)
        await daemon.ends(cell, 3, told=False)
        assert cell.record.state.status is Status.RUNNING
        daemon.runtime.away = False
        await trio.sleep(2)
        assert (daemon.runtime.subscriptions, daemon.refreshed) == (2, 1)
        assert (cell.record.state.status, cell.record.state.exit_code) == (Status.EXITED, 3)
