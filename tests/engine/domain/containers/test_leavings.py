from __future__ import annotations

from collections import Counter
from functools import partial
from types import SimpleNamespace
from typing import Any

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from engine.domain.containers.leavings import Leavings, LeavingsService
from engine.errors import NotFound, Unavailable
from tests.fakes.host import FakeLeftovers


class FakeRuntime:
    """Knows tasks, containers and snapshots by their IDs; is away for the first `outages` calls."""

    def __init__(self, *ids: str, outages: int = 0) -> None:
        self.held = {kind: set(ids) for kind in ("task", "container", "snapshot")}
        self.order: list[str] = []
        self.killed: Counter[str] = Counter()
        self.outages = outages
        self.tasks: Any = SimpleNamespace(delete=partial(self._drop, "task"), kill=self._kill)
        self.containers: Any = SimpleNamespace(delete=partial(self._drop, "container"))
        self.snapshots: Any = SimpleNamespace(remove=partial(self._drop, "snapshot"))

    async def _drop(self, kind: str, key: str) -> None:
        await trio.lowlevel.checkpoint()
        if self.outages:
            self.outages -= 1
            raise Unavailable("containerd is away")
        if key not in self.held[kind]:
            raise NotFound(key)
        self.held[kind].remove(key)
        self.order.append(kind)

    async def _kill(self, key: str, signal: int, *, all: bool) -> None:
        self.killed[key] += 1

    @property
    def empty(self) -> bool:
        return not any(self.held.values())


async def serve(leavings: Leavings, runtime: FakeRuntime, nursery: trio.Nursery) -> LeavingsService:
    service = LeavingsService(leavings, runtime, FakeLeftovers())  # type: ignore[arg-type]
    await nursery.start(partial(service.run))
    return service


async def test_the_task_goes_before_the_record_that_it_is_found_by(
    autojump_clock: MockClock,
) -> None:
    leavings, runtime = Leavings(), FakeRuntime("one")
    async with trio.open_nursery() as nursery:
        service = await serve(leavings, runtime, nursery)
        leavings.put("one")
        await leavings.cleared()
        await service.stop()
    assert runtime.order == ["task", "container", "snapshot"]


async def test_what_has_gone_already_is_no_error(autojump_clock: MockClock) -> None:
    leavings, runtime = Leavings(), FakeRuntime("one")
    runtime.held["task"].clear()
    async with trio.open_nursery() as nursery:
        service = await serve(leavings, runtime, nursery)
        leavings.put("one")
        leavings.put("never was")
        await leavings.cleared()
        await service.stop()
    assert runtime.empty


async def test_an_outage_is_waited_for(autojump_clock: MockClock) -> None:
    leavings, runtime = Leavings(), FakeRuntime("one", outages=3)
    async with trio.open_nursery() as nursery:
        service = await serve(leavings, runtime, nursery)
        leavings.put("one")
        await leavings.cleared()
        await service.stop()
    assert runtime.empty
    assert runtime.killed["one"] == 3


async def test_a_fresh_service_goes_on_with_what_a_former_one_left(
    autojump_clock: MockClock,
) -> None:
    leavings, runtime = Leavings(), FakeRuntime("one", "two", outages=10**6)
    async with trio.open_nursery() as nursery:
        former = await serve(leavings, runtime, nursery)
        leavings.put("one")
        leavings.put("two")
        await wait_all_tasks_blocked()
        await former.stop()
        runtime.outages = 0
        fresh = await serve(leavings, runtime, nursery)
        await leavings.cleared()
        await fresh.stop()
    assert runtime.empty
