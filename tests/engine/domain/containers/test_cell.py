from __future__ import annotations

import trio
from trio.testing import wait_all_tasks_blocked

from engine.domain.containers.cell import ExitResult
from engine.domain.containers.records import State, Status
from tests.engine.domain.containers.cells import cell


async def test_waiters_get_the_result_of_the_run_that_ends_after_they_looked() -> None:
    one = cell(1)
    results: list[ExitResult] = []

    async def wait(seen: int) -> None:
        results.append(await one.exit_after(seen))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait, one.exits)
        nursery.start_soon(wait, one.exits)
        await wait_all_tasks_blocked()
        assert results == []
        one.ended(ExitResult(3))
    assert results == [ExitResult(3)] * 2
    assert await one.exit_after(0) == ExitResult(3)


async def test_removal_wakes_who_waits_for_an_exit_that_will_not_come() -> None:
    one = cell(1, state=State(status=Status.EXITED, exit_code=4))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.exit_after, one.exits)
        await wait_all_tasks_blocked()
        one.forget()
    assert one.removed.is_set()
    assert await one.exit_after(one.exits) == ExitResult(4)


def test_container_between_two_runs_counts_as_running() -> None:
    running = {status for status in Status if cell(1, status).running}
    assert running == {Status.RUNNING, Status.PAUSED, Status.RESTARTING}
