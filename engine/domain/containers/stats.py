"""A container's resource usage, sampled each second while somebody looks (row 74)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator
from typing import Any

import trio

from engine.domain.containers import usage
from engine.domain.containers.cell import Cell
from engine.domain.containers.outside import Outside
from engine.domain.containers.records import Status
from engine.domain.logs.timestamps import format_nano
from engine.errors import Conflict, EngineError, InvalidParameter, NotFound
from engine.models.containers import ZERO_TIME

Stats = dict[str, Any]

PERIOD = 1.0


class Sampler:
    """One reader's samples, each with the CPU numbers of the one before."""

    def __init__(self, cell: Cell, outside: Outside) -> None:
        self._cell = cell
        self._outside = outside
        self._before: Stats = usage.NO_CPU
        self._read = ZERO_TIME

    async def sample(self) -> Stats:
        record = self._cell.record
        empty = usage.nothing(record.name, record.id)
        if not record.state.alive:
            return empty
        try:
            version, metrics = await self._outside.runtime.tasks.usage(record.id)
        except (NotFound, Conflict):
            return empty  # it has just ended
        now = format_nano(time.time_ns())
        system, cpus = self._outside.host.cpu()
        found = usage.sections(
            version,
            metrics,
            system_cpu=system,
            cpus=cpus,
            machine_memory=self._outside.settings.facts.memory,
        )
        before = {"preread": self._read, "precpu_stats": self._before}
        self._read, self._before = now, found["cpu_stats"]
        return {**empty, "read": now, **found, **before, **self._networks()}

    def _networks(self) -> Stats:
        record = self._cell.record
        if record.host.network_mode == "host":
            return {}
        found = self._outside.host.network(record.state.pid)
        return {"networks": found} if found else {}


async def once(cell: Cell, outside: Outside, *, one_shot: bool) -> Stats:
    """A sample with the one of a second before (or, with `one_shot`, without)."""
    sampler = Sampler(cell, outside)
    first = await sampler.sample()
    if one_shot or not cell.record.state.alive or cell.record.state.status is Status.RESTARTING:
        return first
    await _pause(cell)
    return await sampler.sample()


async def stream(cell: Cell, outside: Outside) -> AsyncGenerator[Stats, None]:
    """A sample each second until the container is removed; empty ones while it does not run."""
    sampler = Sampler(cell, outside)
    while not cell.removed.is_set():
        with contextlib.suppress(EngineError):  # containerd is away; it goes on when it is back
            yield await sampler.sample()
        await _pause(cell)


def check(*, streaming: bool, one_shot: bool) -> None:
    if streaming and one_shot:
        raise InvalidParameter("cannot have stream=true and one-shot=true")


async def _pause(cell: Cell) -> None:
    with trio.move_on_after(PERIOD):
        await cell.removed.wait()
