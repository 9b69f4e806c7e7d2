"""Health checks (row 65): the configured probe, what its results mean, and the monitor that runs it.

A probe tells no exec events: they would drown the event log, and `health_status` says what matters.
"""

from __future__ import annotations

import time
from collections import deque

import msgspec
import trio

from engine.domain.containers.cell import Cell
from engine.domain.containers.messages import Unhealthy
from engine.domain.containers.outside import Outside, event
from engine.domain.containers.probing import Outcome, run_probe
from engine.domain.containers.records import Container, Status, to_document
from engine.domain.events.facade import Batch
from engine.domain.logs.timestamps import format_nano
from engine.models.containers import ContainerConfig, Health, HealthcheckResult
from supervisors import Worker

STARTING, HEALTHY, UNHEALTHY = "starting", "healthy", "unhealthy"
KEPT = 5
SECOND = 1_000_000_000


INTERVAL, TIMEOUT, START_INTERVAL, RETRIES = 30.0, 30.0, 5.0, 3


class Probe(msgspec.Struct, frozen=True):
    """Times in seconds; dockerd's defaults."""

    argv: tuple[str, ...]
    interval: float = INTERVAL
    timeout: float = TIMEOUT
    start_period: float = 0.0
    start_interval: float = START_INTERVAL
    retries: int = RETRIES


def probe_of(config: ContainerConfig) -> Probe | None:
    """None without a health check, and with `NONE`."""
    asked = config.healthcheck
    if asked is None or not asked.test or asked.test[0] not in ("CMD", "CMD-SHELL"):
        return None
    kind, *rest = asked.test
    shell = config.shell or ["/bin/sh", "-c"]
    argv = tuple(rest) if kind == "CMD" else (*shell, *rest)
    return Probe(
        argv,
        interval=asked.interval / SECOND or INTERVAL,
        timeout=asked.timeout / SECOND or TIMEOUT,
        start_period=asked.start_period / SECOND,
        start_interval=asked.start_interval / SECOND or START_INTERVAL,
        retries=asked.retries or RETRIES,
    )


class Checkup(msgspec.Struct):
    """What is known of a run's health; in the cell, so that it outlives the monitor.

    `began` is the run's start in trio's time: the wall clock may be set meanwhile.
    """

    began: float = 0.0
    status: str = STARTING
    streak: int = 0
    log: deque[HealthcheckResult] = msgspec.field(default_factory=lambda: deque(maxlen=KEPT))

    def take(self, outcome: Outcome, probe: Probe, age: float) -> bool:
        """Whether the status changed; `age` is the run's when the probe began, in seconds.

        Failures in the start period of a starting container don't count.
        """
        self.log.append(
            HealthcheckResult(
                start=format_nano(outcome.start_ns),
                end=format_nano(outcome.end_ns),
                exit_code=outcome.code,
                output=outcome.output,
            )
        )
        before = self.status
        if outcome.code == 0:
            self.streak, self.status = 0, HEALTHY
            return before != HEALTHY
        if not (self.status == STARTING and age < probe.start_period):
            self.streak += 1
            if self.streak >= probe.retries:
                self.status = UNHEALTHY
        return self.status != before

    def view(self) -> Health:
        return Health(status=self.status, failing_streak=self.streak, log=list(self.log))


def first(container: Container) -> str:
    """The status at the start of a run; "" where no health is checked."""
    return STARTING if probe_of(container.config) is not None else ""


def last(container: Container) -> str:
    """The status that an ended run leaves, as dockerd has it."""
    return UNHEALTHY if container.state.health else ""


class HealthMonitor(Worker):
    """One run's monitor, from its start (or the daemon's) to its end; idle while the container is paused."""

    def __init__(self, cell: Cell, outside: Outside) -> None:
        self._cell = cell
        self._outside = outside
        self._generation = cell.record.state.generation
        self._exits = cell.exits

    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        probe = probe_of(self._cell.record.config)
        if probe is None or not self._current():
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._end_with_the_run, nursery.cancel_scope)
            await self._watch(probe)

    async def _end_with_the_run(self, scope: trio.CancelScope) -> None:
        await self._cell.exit_after(self._exits)
        scope.cancel()

    def _current(self) -> bool:
        state = self._cell.record.state
        return state.alive and state.generation == self._generation

    async def _watch(self, probe: Probe) -> None:
        checkup = self._checkup()
        while True:
            await trio.sleep(self._delay(probe, checkup))
            if self._cell.record.state.status is Status.PAUSED:
                continue
            shuts, age = self._cell.doorway.shuts, trio.current_time() - checkup.began
            outcome = await run_probe(self._cell, self._outside, probe.argv, probe.timeout)
            if shuts != self._cell.doorway.shuts:
                continue  # it was frozen meanwhile: what it says is nothing of the container's
            self._outside.tallies.checked(failed=outcome.code != 0)
            if checkup.take(outcome, probe, age):
                await self._tell(checkup.status)

    def _checkup(self) -> Checkup:
        """A former daemon's status counts on; its log and streak are gone with it."""
        if self._cell.checkup is None:
            state = self._cell.record.state
            age = max(0, time.time_ns() - state.started_ns) / SECOND
            self._cell.checkup = Checkup(trio.current_time() - age, status=state.health or STARTING)
        return self._cell.checkup

    def _delay(self, probe: Probe, checkup: Checkup) -> float:
        """Within the start period a starting container is looked at more often, where that was asked for."""
        age = trio.current_time() - checkup.began
        if checkup.status == STARTING and age < probe.start_period:
            return min(probe.start_interval, probe.interval)
        return probe.interval

    async def _tell(self, status: str) -> None:
        cell = self._cell
        async with cell.slot:
            if not self._current():
                return
            record = cell.record.with_state(health=status)
            batch = Batch().put(to_document(record))
            await self._outside.journal.commit(
                batch.event(event(record, f"health_status: {status}"))
            )
            cell.record = record
        if status == UNHEALTHY:
            cell.mailbox.offer(Unhealthy(self._generation))
