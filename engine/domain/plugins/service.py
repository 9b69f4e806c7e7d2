"""The plugins service: asks those that failed whether they are back, so that no request has to find out,
and runs errands that nobody waits for.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping

import msgspec
import trio

from engine.domain.plugins.plugin import Object, Plugin
from engine.errors import EngineError
from supervisors import Worker

log = logging.getLogger(__name__)

PACE = 0.5
"""Seconds between two looks."""


MOST = 1000
"""Errands that wait; of more, the oldest are forgotten."""


class Errand(msgspec.Struct, frozen=True):
    name: str
    kind: str
    method: str
    body: Object


class Errands:
    """They outlive the service's incarnations."""

    def __init__(self) -> None:
        self.waiting: deque[Errand] = deque(maxlen=MOST)
        self.come = trio.Event()

    def add(self, errand: Errand) -> None:
        self.waiting.append(errand)
        self.come.set()


class PluginsService(Worker):
    """One incarnation. `known` belongs to the room and outlives it. It waits for no plugin at its start."""

    def __init__(
        self,
        known: Mapping[str, Plugin],
        errands: Errands,
        get: Callable[[str, str], Awaitable[Plugin]],
    ) -> None:
        self._known = known
        self._errands = errands
        self._get = get

    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._probing)
            nursery.start_soon(self._running, nursery)
            task_status.started()

    async def _running(self, nursery: trio.Nursery) -> None:
        while True:
            while self._errands.waiting:
                nursery.start_soon(self._run, self._errands.waiting.popleft())
            self._errands.come = trio.Event()
            await self._errands.come.wait()

    async def _run(self, errand: Errand) -> None:
        try:
            plugin = await self._get(errand.name, errand.kind)
            await plugin.call(errand.method, errand.body)
        except EngineError as error:
            log.debug("%s: %s", errand.method, error)

    async def _probing(self) -> None:
        while True:
            await trio.sleep(PACE)
            now = time.monotonic()
            due = [each for each in self._known.values() if each.breaker.due(now)]
            if due:
                async with trio.open_nursery() as nursery:
                    for each in due:
                        nursery.start_soon(_probe, each)


async def _probe(plugin: Plugin) -> None:
    try:
        await plugin.activate(probing=True)
    except EngineError as error:
        log.debug("%s", error)
    else:
        log.info('plugin "%s" answers again', plugin.name)
