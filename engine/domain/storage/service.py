"""The storage service: sweeps now and then, collects when the disk is full, and does both when asked."""

from __future__ import annotations

import logging

import msgspec
import trio

from engine.domain.storage.collection import Collector, Tell
from engine.domain.storage.messages import Message
from engine.domain.storage.settings import StorageSettings
from engine.domain.storage.sweeping import Sweeper
from engine.errors import EngineError
from engine.models.storage import SweepReport
from supervisors import Mailbox, MailWorker

log = logging.getLogger(__name__)

LOOK = 60.0
"""Seconds between two looks at how full the disk is."""


class StorageService(MailWorker[Message]):
    """One sweep at a time."""

    def __init__(
        self,
        mailbox: Mailbox[Message],
        settings: StorageSettings,
        sweeper: Sweeper,
        collector: Collector,
        tell: Tell,
    ) -> None:
        super().__init__(mailbox)
        self._settings = settings
        self._sweeper = sweeper
        self._collector = collector
        self._tell = tell
        self._turn = trio.Lock()

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._now_and_then)
            nursery.start_soon(self._watch_the_disk)
            await super().run(task_status=task_status)
            nursery.cancel_scope.cancel()

    async def handle(self, message: Message) -> SweepReport:
        return await self._sweep(message.grace, dry_run=message.dry_run)

    async def _sweep(self, asked: float | None = None, *, dry_run: bool = False) -> SweepReport:
        grace = self._settings.grace if asked is None else asked
        async with self._turn:
            report = await self._sweeper.sweep(grace, asked=asked, dry_run=dry_run)
            if not dry_run:
                collected = await self._collector.collect()
                report = msgspec.structs.replace(report, collected=collected)
        if not dry_run:
            for each in report.removed:
                await self._tell("sweep", each.path, {"size": str(each.bytes), "reason": "unowned"})
        return report

    async def _now_and_then(self) -> None:
        await trio.sleep(min(self._settings.grace, self._settings.interval))
        while True:
            try:
                await self._sweep()
            except EngineError as error:
                log.info("the sweep waits: %s", error)
            await trio.sleep(self._settings.interval)

    async def _watch_the_disk(self) -> None:
        while self._settings.high:
            await trio.sleep(LOOK)
            try:
                async with self._turn:
                    await self._collector.collect()
            except EngineError as error:
                log.info("collecting waits: %s", error)
