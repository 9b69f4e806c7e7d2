from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from engine.domain.containers.cell import Cell
from engine.domain.containers.probing import OUTPUT_LIMIT, Outcome, run_probe
from engine.errors import SystemFailure
from engine.models.containers import HealthcheckConfig
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import Daemon, running

CHECK = ("check", "me")


async def probed(
    daemon: Daemon, cell: Cell, code: int | None, said: bytes = b"", *, limit: float = 30
) -> Outcome:
    """A probe that prints and ends with the code, or stays where it is None."""
    found: list[Outcome] = []

    async def probe() -> None:
        found.append(await run_probe(cell, daemon.outside, CHECK, limit))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(probe)
        await settled()
        (exec_id,) = [exec_id for _, exec_id in daemon.runtime.tasks.all if exec_id]
        if said:
            daemon.runtime.write(cell.id, said, exec_id=exec_id)
        if code is not None:
            daemon.runtime.exit(cell.id, code, exec_id=exec_id)
    return found[0]


def nothing_is_left(daemon: Daemon) -> bool:
    return [exec_id for _, exec_id in daemon.runtime.tasks.all if exec_id] == []


@pytest.mark.parametrize("code", [0, 1, 127])
async def test_probe_tells_its_code_and_output_and_leaves_nothing(
    tmp_path: Path, code: int
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        outcome = await probed(daemon, cell, code, b"all is well\n")
        assert (outcome.code, outcome.output) == (code, "all is well\n")
        assert outcome.end_ns >= outcome.start_ns
        assert nothing_is_left(daemon)
        assert daemon.journal.actions() == ["create", "start"]


async def test_long_output_is_cut(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        outcome = await probed(daemon, cell, 0, b"x" * (OUTPUT_LIMIT + 10))
        assert outcome.output == "x" * OUTPUT_LIMIT + "..."


@pytest.mark.parametrize(("limit", "text"), [(3.0, "3s"), (0.25, "250ms")])
async def test_probe_that_takes_too_long_is_killed(
    tmp_path: Path, patient_clock: MockClock, limit: float, text: str
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        outcome = await probed(daemon, cell, None, limit=limit)
        assert (outcome.code, outcome.output) == (-1, f"Health check exceeded timeout ({text})")
        assert nothing_is_left(daemon)


async def test_probe_that_cannot_run_says_why(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        for call in ("tasks.exec", "tasks.start"):
            daemon.runtime.failures[call] = SystemFailure("no such file")
            outcome = await run_probe(cell, daemon.outside, CHECK, 30)
            assert (outcome.code, outcome.output) == (-1, "no such file")
            assert nothing_is_left(daemon)


async def test_monitor_survives_probes_that_cannot_run_and_calls_it_unhealthy(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        check = HealthcheckConfig(test=["CMD", "nosuch"], retries=2)
        cell = await daemon.run("web", healthcheck=check)
        daemon.runtime.failures["tasks.start"] = SystemFailure("no such file")
        daemon.runtime.lasting.add("tasks.start")
        await trio.sleep(100)
        assert cell.record.state.health == "unhealthy"
        assert daemon.journal.actions()[-1] == "health_status: unhealthy"


async def test_container_that_ends_takes_its_probe_with_it(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        daemon.runtime.tasks.deaf = {9}
        outcome = await probed(daemon, cell, 137)
        assert outcome.code == 137


@pytest.mark.parametrize("count", [300, pytest.param(100_000, marks=pytest.mark.torture)])
async def test_nothing_grows_with_the_probes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        tasks = daemon.runtime.tasks
        start = tasks.start

        async def start_and_end(container_id: str, exec_id: str = "") -> int:
            pid = await start(container_id, exec_id)
            daemon.runtime.exit(container_id, 0, exec_id=exec_id)
            return pid

        monkeypatch.setattr(tasks, "start", start_and_end)
        held: list[tuple[int, int]] = []
        for number in range(count + 1):
            if number in (count // 10, count):
                gc.collect()
                held.append((len(gc.get_objects()), len(os.listdir("/proc/self/fd"))))
            outcome = await run_probe(cell, daemon.outside, CHECK, 30)
            assert outcome.code == 0
            daemon.runtime.calls.clear()
        (objects, descriptors), (objects_then, descriptors_then) = held
        assert descriptors_then == descriptors
        # trio keeps up to a thousand deadlines that are over.
        assert objects_then - objects < 3000
