"""The loop's lag, measured where it arises: how long the tasks of one round keep the loop from its next look around."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
import trio

from supervisors import Worker

LATE = 0.02
"""Seconds that nothing should hold the loop for."""
WINDOW = 60.0


class Lag(msgspec.Struct, frozen=True):
    """In milliseconds: the worst round of the last one to two minutes; and how many ever were late."""

    worst_ms: float
    late: int
    late_from_ms: float = LATE * 1000


class Pulse(trio.abc.Instrument):
    """Two looks at the clock each round; it outlives the service that keeps it in the loop."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._woken = 0.0
        self._until = 0.0
        self._worst = 0.0
        self._before = 0.0
        self._late = 0

    def after_io_wait(self, timeout: float) -> None:  # noqa: ARG002 (trio's signature)
        self._woken = self._clock()

    def before_io_wait(self, timeout: float) -> None:  # noqa: ARG002 (trio's signature)
        if not self._woken:
            return  # put into the middle of a round
        now = self._clock()
        if now >= self._until:
            self._before, self._worst = self._worst, 0.0
            self._until = now + WINDOW
        lag = now - self._woken
        if lag > self._worst:
            self._worst = lag
        if lag > LATE:
            self._late += 1

    def report(self) -> Lag:
        return Lag(worst_ms=round(max(self._worst, self._before) * 1000, 1), late=self._late)

    def forget_round(self) -> None:
        """The round under way does not count: nobody watched its beginning."""
        self._woken = 0.0


class PulseService(Worker):
    """Keeps the pulse in the loop."""

    def __init__(self, pulse: Pulse) -> None:
        self._pulse = pulse

    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        self._pulse.forget_round()
        trio.lowlevel.add_instrument(self._pulse)
        try:
            task_status.started()
            await trio.sleep_forever()
        finally:
            trio.lowlevel.remove_instrument(self._pulse)
