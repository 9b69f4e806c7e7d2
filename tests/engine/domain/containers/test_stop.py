from __future__ import annotations

import signal
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from engine.domain.containers.records import Status
from engine.domain.containers.stop import KILL_PATIENCE
from engine.errors import Conflict, InvalidParameter, NotModified, SystemFailure, Unavailable
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import Daemon, running


def signals(daemon: Daemon, container_id: str) -> list[int]:
    return daemon.runtime.tasks.process(container_id).signals


async def test_stop_sends_the_stop_signal_and_waits_for_the_exit(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web", stop_signal="SIGUSR1")
        process = daemon.runtime.tasks.process(cell.id)
        await daemon.containers.stop("web")
        assert process.signals == [signal.SIGUSR1]
        state = cell.record.state
        assert (state.status, state.exit_code) == (Status.EXITED, 128 + signal.SIGUSR1)
        assert state.manually_stopped
        assert daemon.journal.actions()[-3:] == ["kill", "die", "stop"]
        assert daemon.journal.event("kill").attributes["signal"] == "10"


@pytest.mark.parametrize(
    ("own", "asked", "seconds"), [(None, None, 10), (3, None, 3), (3, 1, 1), (None, 0, 0)]
)
async def test_deaf_process_is_killed_after_its_patience(
    tmp_path: Path, patient_clock: MockClock, own: int | None, asked: int | None, seconds: int
) -> None:
    async with running(tmp_path) as daemon:
        daemon.runtime.tasks.deaf = {signal.SIGTERM}
        cell = await daemon.run("web", stop_timeout=own)
        process = daemon.runtime.tasks.process(cell.id)
        begun = trio.current_time()
        await daemon.containers.stop("web", timeout=asked)
        assert process.signals == [signal.SIGTERM, signal.SIGKILL]
        assert trio.current_time() - begun == pytest.approx(seconds, abs=0.5)
        assert cell.record.state.exit_code == 137


async def test_stop_with_a_signal_of_its_own(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        process = daemon.runtime.tasks.process(cell.id)
        await daemon.containers.stop("web", signal="SIGQUIT")
        assert process.signals == [signal.SIGQUIT]


async def test_stop_for_ever_waits_for_ever(tmp_path: Path, patient_clock: MockClock) -> None:
    async with running(tmp_path) as daemon:
        daemon.runtime.tasks.deaf = {signal.SIGTERM}
        cell = await daemon.run("web")
        with trio.move_on_after(100):
            await daemon.containers.stop("web", timeout=-1)
        assert cell.record.state.status is Status.RUNNING
        assert signals(daemon, cell.id) == [signal.SIGTERM]


async def test_stop_of_what_does_not_run_is_not_modified(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.create("web")
        with pytest.raises(NotModified, match=r"^container is already stopped$"):
            await daemon.containers.stop("web")


async def test_kill_passes_a_stop_that_is_still_patient(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        daemon.runtime.tasks.deaf = {signal.SIGTERM}
        cell = await daemon.run("web")
        begun = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: daemon.containers.stop("web", timeout=1000))
            await trio.sleep(1)
            await daemon.containers.kill("web")
        assert cell.record.state.exit_code == 137
        assert trio.current_time() - begun < 10


async def test_signal_that_cannot_be_sent_shortens_the_patience(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        daemon.runtime.failures["tasks.kill"] = Unavailable("containerd is away")
        begun = trio.current_time()
        await daemon.containers.stop("web", timeout=100)
        assert trio.current_time() - begun == pytest.approx(2, abs=0.5)
        assert cell.record.state.exit_code == 137


async def test_kill_without_an_exit_gives_up_with_dockerds_words(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        process = daemon.runtime.tasks.process(cell.id)
        process.status = "paused"  # frozen behind our back: SIGKILL has no effect
        text = f"Could not kill running container {cell.id}, cannot remove"
        begun = trio.current_time()
        with pytest.raises(SystemFailure, match=text):
            await daemon.containers.kill("web")
        assert trio.current_time() - begun == pytest.approx(KILL_PATIENCE, abs=0.5)


async def test_any_other_signal_returns_at_once_and_ends_no_policy(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        daemon.runtime.tasks.deaf = {signal.SIGHUP}
        cell = await daemon.run("web", restart="always")
        await daemon.containers.kill("web", "SIGHUP")
        assert signals(daemon, cell.id) == [signal.SIGHUP]
        assert cell.record.state.status is Status.RUNNING
        assert not cell.record.state.manually_stopped


@pytest.mark.parametrize("by", ["SIGKILL", "SIGTERM"])
async def test_kill_by_the_stop_signal_or_sigkill_keeps_the_policy_from_restarting(
    tmp_path: Path, by: str
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web", restart="always")
        await daemon.containers.kill("web", by)
        await settled()
        assert cell.record.state.status is Status.EXITED
        assert cell.record.state.manually_stopped


async def test_kill_is_refused_in_dockerds_words(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.create("web")
        with pytest.raises(
            Conflict, match=f"^Cannot kill container: web: Container {cell.id} is not running$"
        ):
            await daemon.containers.kill("web")
        await daemon.containers.start("web")
        with pytest.raises(InvalidParameter, match=r"linux daemon does not support signal 65$"):
            await daemon.containers.kill("web", "65")


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_stop_between_two_runs_cancels_the_next_one(
    tmp_path: Path, patient_clock: MockClock, how: str
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web", restart="always")
        cell.record = cell.record.with_state(backoff_ms=30_000)
        daemon.runtime.exit(cell.id, 1)
        await cell.exit_after(0)
        assert cell.record.state.status is Status.RESTARTING
        waited = daemon.containers.wait("web", "")
        await getattr(daemon.containers, how)("web")
        assert (await waited()).exit_code == 1
        assert cell.record.state.status is Status.EXITED
        assert daemon.machine.record(cell.id) == cell.record
        await trio.sleep(120)
        assert cell.record.state.generation == 1


async def test_paused_container_is_thawed_to_meet_its_signal(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        await daemon.containers.pause("web")
        await daemon.containers.stop("web")
        assert cell.record.state.status is Status.EXITED
        assert daemon.journal.actions()[-5:] == ["pause", "kill", "unpause", "die", "stop"]
