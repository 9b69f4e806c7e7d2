from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from engine.domain.containers.messages import Again, Exited
from engine.domain.containers.records import Status
from engine.errors import Conflict, SystemFailure, Unavailable
from supervisors import ServiceCrashed
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import running


async def test_restart_stops_and_starts_with_one_event_of_its_own(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        first = cell.record.state.pid
        await daemon.containers.restart("web")
        state = cell.record.state
        assert (state.status, state.generation) == (Status.RUNNING, 2)
        assert state.pid != first
        assert [each for each in daemon.journal.actions() if each != "create"] == [
            "start",
            "kill",
            "die",
            "stop",
            "start",
            "restart",
        ]


async def test_restart_starts_what_does_not_run(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.create("web")
        await daemon.containers.restart("web")
        assert cell.record.state.status is Status.RUNNING


async def test_restart_of_an_auto_removed_container_keeps_it(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web", auto_remove=True)
        await daemon.containers.restart("web")
        assert (cell.record.state.status, cell.record.state.generation) == (Status.RUNNING, 2)
        await daemon.ends(cell)
        assert cell.removed.is_set()


async def test_start_by_hand_begins_the_delays_anew(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web", restart="on-failure")
        for _ in range(3):
            await daemon.ends(cell, 1)
            await trio.sleep(1)
        assert (cell.record.state.restart_count, cell.record.state.backoff_ms) == (3, 400)
        await daemon.containers.stop("web")
        await daemon.containers.start("web")
        assert (cell.record.state.restart_count, cell.record.state.backoff_ms) == (0, 0)


@pytest.mark.parametrize("reached", ["tasks.delete", "tasks.create", "tasks.start"])
async def test_outage_puts_a_restart_off_until_it_is_over(
    tmp_path: Path, patient_clock: MockClock, reached: str
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web", restart="always")
        daemon.runtime.failures[reached] = Unavailable("containerd is away")
        daemon.runtime.lasting.add(reached)
        await daemon.ends(cell, 1)
        await trio.sleep(3)
        assert cell.record.state.status is Status.RESTARTING
        daemon.runtime.failures.clear()
        await trio.sleep(3)
        assert cell.record.state.status is Status.RUNNING
        assert cell.exits == 1


async def test_restart_that_a_whole_outage_foils_comes_after_it(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web", restart="always")
        gate = daemon.runtime.hold("tasks.create")
        daemon.runtime.exit(cell.id, 1)
        await gate.reached.wait()
        daemon.runtime.away = True
        gate.open()
        await trio.sleep(3)
        daemon.runtime.away = False
        await trio.sleep(5)
        assert cell.record.state.status is Status.RUNNING


async def test_restart_whose_operator_crashes_is_tried_again(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web", restart="always")
        daemon.runtime.failures["tasks.start"] = ZeroDivisionError("a bug")  # type: ignore[assignment]
        await daemon.ends(cell, 1)
        await trio.sleep(5)
        assert cell.record.state.status is Status.RUNNING


async def test_restart_that_fails_otherwise_is_not_tried_again(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web", restart="always")
        daemon.runtime.failures["tasks.create"] = SystemFailure("no luck")
        await daemon.ends(cell, 1)
        await trio.sleep(100)
        state = cell.record.state
        assert (state.status, state.error, state.exit_code) == (Status.EXITED, "no luck", 128)


async def test_restart_that_is_no_longer_wanted_is_ignored(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        cell.mailbox.offer(Again())
        await settled()
        assert cell.record.state.generation == 1
        await daemon.containers.stop("web")
        cell.mailbox.offer(Again())
        await settled()
        assert cell.record.state.status is Status.EXITED


async def test_resize_is_for_the_living(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.create("web", tty=True)
        with pytest.raises(Conflict, match=f"^Container {cell.id} is not running$"):
            await daemon.containers.resize("web", 40, 120)
        await daemon.containers.start("web")
        await daemon.containers.resize("web", 40, 120)
        assert daemon.runtime.tasks.process(cell.id).size == (120, 40)
        told = daemon.journal.event("resize").attributes
        assert (told["height"], told["width"]) == ("40", "120")


async def test_exit_that_came_while_it_was_started_is_taken_after_the_start(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.create("web")
        waited = daemon.containers.wait("web", "next-exit")
        gate = daemon.runtime.hold("tasks.start")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(daemon.containers.start, "web")
            await gate.reached.wait()
            pid = daemon.runtime.tasks.process(cell.id).pid
            await cell.mailbox.tell(Exited(pid, 0, 1))
            await settled()
            gate.open()
        assert (await waited()).exit_code == 0
        assert daemon.journal.actions() == ["create", "start", "die"]


async def test_crash_is_told_to_the_asker_and_a_fresh_operator_undoes_the_start(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.create("web")
        await settled()
        daemon.runtime.failures["tasks.start"] = ZeroDivisionError("a bug")  # type: ignore[assignment]
        with pytest.raises(ServiceCrashed):
            await daemon.containers.start("web")
        await settled()
        assert cell.record.state.error == "the start was interrupted"
        assert daemon.runtime.tasks.all == {}
        await daemon.containers.start("web")
        assert cell.record.state.status is Status.RUNNING


async def test_auto_remove_that_fails_is_tried_again_by_the_next_daemon(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web", auto_remove=True)
        daemon.runtime.failures["snapshots.remove"] = SystemFailure("busy")
        await daemon.ends(cell)
        assert cell.record.state.status is Status.DEAD
        await daemon.containers.remove("web", force=True)
        assert cell.removed.is_set()
