"""The plugins service: asks those that failed whether they are back, so that no request has to find out."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

import trio

from engine.domain.plugins.plugin import Plugin
from engine.errors import EngineError
from supervisors import Worker

log = logging.getLogger(__name__)

PACE = 0.5
"""Seconds between two looks."""


class PluginsService(Worker):
    """One incarnation. `known` belongs to the room and outlives it. It waits for no plugin at its start."""

    def __init__(self, known: Mapping[str, Plugin]) -> None:
        self._known = known

    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
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
