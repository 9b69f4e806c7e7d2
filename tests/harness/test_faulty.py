"""The fault injector itself: without it every test of faults would pass."""

from __future__ import annotations

import trio
from trio.testing import wait_all_tasks_blocked

from supervisors import ChildSpec, Supervisor, Worker
from tests.harness.faulty import Faults, Plan


class Steps(Worker):
    """Awaits three things when told to, in a task of its own."""

    def __init__(self, go: trio.Event, done: list[int]) -> None:
        self._go, self._done = go, done

    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await self._go.wait()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._three)
        await trio.sleep_forever()

    async def _three(self) -> None:
        for number in range(1, 4):
            await trio.lowlevel.checkpoint()
            self._done.append(number)


async def run(plan: Plan) -> tuple[Supervisor, list[int]]:
    """A tree of one service, with the fault in it; the steps that were done."""
    go, done, faults = trio.Event(), list[int](), Faults()
    root = Supervisor("root", [ChildSpec(name="steps", factory=lambda: Steps(go, done))])
    trio.lowlevel.add_instrument(faults)
    async with trio.open_nursery() as nursery:
        await nursery.start(root.run)
        faults.plan = plan
        go.set()
        await wait_all_tasks_blocked(0.01)
        node = root.status().children[0]
        await root.stop()
    trio.lowlevel.remove_instrument(faults)
    assert node.state == "running"
    assert bool(node.restarts) == (plan.where is not None)
    if plan.where is not None:
        assert node.last_error == f"Injected: injected at await {plan.n} of root/steps"
    return root, done


async def test_nth_await_of_a_service_and_of_its_tasks_fails() -> None:
    # The first is the wait for the event; then come the three of the nursery's task.
    for n, before in ((1, []), (2, []), (3, [1]), (4, [1, 2])):
        plan = Plan("root/steps", n)
        _, done = await run(plan)
        assert done == [*before, 1, 2, 3]
        assert plan.where is not None


async def test_fault_that_is_not_reached_is_not_hit() -> None:
    plan = Plan("root/steps", 50)
    _, done = await run(plan)
    assert (plan.where, done) == (None, [1, 2, 3])


async def test_other_services_are_spared() -> None:
    plan = Plan("root/step", 1)
    await run(plan)
    assert (plan.where, plan.steps) == (None, 0)
