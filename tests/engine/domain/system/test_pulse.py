from __future__ import annotations

import trio

from engine.domain.system.pulse import WINDOW, Pulse, PulseService


class Clock:
    """Moves only when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Running:
    """A pulse service in this test's loop."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.pulse = Pulse(self.clock)

    async def hold(self, seconds: float) -> None:
        """As if this task computed for so long."""
        await trio.lowlevel.checkpoint()
        self.clock.now += seconds
        await trio.lowlevel.checkpoint()

    def wait(self, seconds: float) -> None:
        """As if the loop had waited for so long: between two rounds."""
        self.pulse.forget_round()
        self.clock.now += seconds


async def test_task_that_holds_the_loop_is_seen() -> None:
    test = Running()
    async with trio.open_nursery() as nursery:
        await nursery.start(run, test.pulse)
        await test.hold(0.005)
        assert (test.pulse.report().worst_ms, test.pulse.report().late) == (5.0, 0)
        await test.hold(0.03)
        assert (test.pulse.report().worst_ms, test.pulse.report().late) == (30.0, 1)
        nursery.cancel_scope.cancel()


async def test_worst_is_forgotten_after_two_minutes_and_the_count_is_not() -> None:
    test = Running()
    async with trio.open_nursery() as nursery:
        await nursery.start(run, test.pulse)
        await test.hold(0.03)
        for expected in (30.0, 1.0):
            test.wait(WINDOW)
            await test.hold(0.001)
            assert test.pulse.report().worst_ms == expected
        assert test.pulse.report().late == 1
        nursery.cancel_scope.cancel()


async def test_restarted_service_measures_on_and_a_stopped_one_does_not() -> None:
    test = Running()
    for _ in range(2):
        async with trio.open_nursery() as nursery:
            await nursery.start(run, test.pulse)
            await test.hold(0.03)
            nursery.cancel_scope.cancel()
        await test.hold(1.0)
    assert (test.pulse.report().worst_ms, test.pulse.report().late) == (30.0, 2)


async def run(pulse: Pulse, *, task_status: trio.TaskStatus[None]) -> None:
    await PulseService(pulse).run(task_status=task_status)
