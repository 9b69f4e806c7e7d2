"""The service of managed plugins: does what is asked, and runs again what is enabled and has ended."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec
import trio

from engine.domain.images.facade import Artifacts
from engine.domain.managed.ports import Machine, Store
from engine.domain.managed.records import Package, PluginRecord
from engine.errors import EngineError, Unavailable
from supervisors import Inbox, Letter, Mailbox, Request

log = logging.getLogger(__name__)

FIRST_PAUSE, LAST_PAUSE = 0.1, 10.0
"""Seconds between an exit and the next start; doubled for one that ends at once."""
STEADY = 10.0
RESUMABLE = 24 * 3600.0
"""Seconds for which a download that was cut off is worth going on with."""


class Do(Request[None], msgspec.Struct):
    """One change; those of the same key take turns."""

    key: str
    work: Callable[[], Awaitable[None]]


@dataclass
class Household:
    """The room's memory. It outlives the service's incarnations."""

    records: dict[str, PluginRecord] = field(default_factory=dict)
    loaded: bool = False
    news: trio.Event = field(default_factory=trio.Event)
    blobs: trio.Lock = field(default_factory=trio.Lock)
    _claims: list[Package] = field(default_factory=list)
    _locks: dict[str, trio.Lock] = field(default_factory=dict)

    @asynccontextmanager
    async def claim(self, package: Package) -> AsyncIterator[None]:
        """Inside, no removal takes away what this package shares with others."""
        async with self.blobs:
            self._claims.append(package)
        try:
            yield
        finally:
            self._claims.remove(package)

    def needed(self) -> list[Package]:
        """What has to stay; to be asked under `blobs`."""
        return [*self._claims, *(each.package for each in self.records.values())]

    def changed(self) -> None:
        self.news.set()
        self.news = trio.Event()

    def lock(self, key: str) -> trio.Lock:
        return self._locks.setdefault(key, trio.Lock())

    async def reached(self, address: str, timeout: float) -> None:
        """Unavailable unless somebody listens there in time."""
        path = address.removeprefix("unix://")
        with trio.move_on_after(timeout):
            while True:
                try:
                    stream = await trio.open_unix_socket(path)
                except OSError:
                    await trio.sleep(0.05)
                    continue
                await stream.aclose()
                return
        raise Unavailable(f"dial unix {path}: nobody listens after {timeout:.0f} s")


class ManagedService:
    """One incarnation."""

    def __init__(
        self,
        household: Household,
        mailbox: Mailbox[Do],
        machine: Machine,
        store: Store,
        artifacts: Artifacts,
        leave: Callable[[], bool],
    ) -> None:
        self._household = household
        self._mailbox = mailbox
        self._machine = machine
        self._store = store
        self._artifacts = artifacts
        self._leave = leave
        self._inbox: Inbox[Do] | None = None
        self._kept: set[str] = set()

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        with self._mailbox.open() as self._inbox:
            if not self._household.loaded:
                for record in await self._store.load():
                    self._household.records[record.id] = record
                self._household.loaded = True
                await self._sweep()
            async with trio.open_nursery() as background:
                background.start_soon(self._keep_all, background)
                async with trio.open_nursery() as handlers:
                    task_status.started()
                    async for letter in self._inbox:
                        handlers.start_soon(self._handle, letter)
                background.cancel_scope.cancel()
            if not self._leave():
                await self._stop_all()

    async def _sweep(self) -> None:
        """What a daemon that died in an installation has left; no reason not to start."""
        try:
            await self._artifacts.sweep(RESUMABLE, time.time())
            await self._machine.sweep(tuple(self._household.records.values()))
        except EngineError as error:
            log.warning("leftovers of plugins: %s", error)

    async def stop(self) -> None:
        """Take no more mail; what was taken is finished."""
        if self._inbox is not None:
            self._inbox.close()

    async def _stop_all(self) -> None:
        async with trio.open_nursery() as nursery:
            for record in self._household.records.values():
                if record.enabled:
                    nursery.start_soon(self._stop_one, record)

    async def _stop_one(self, record: PluginRecord) -> None:
        try:
            await self._machine.stop(record.id)
        except EngineError as error:
            log.warning("plugin %s: %s", record.name, error)

    async def _handle(self, letter: Letter[Do]) -> None:
        with letter.handling():
            async with self._household.lock(letter.message.key):
                await letter.message.work()
                letter.reply()

    async def _keep_all(self, background: trio.Nursery) -> None:
        while True:
            news = self._household.news
            for record in self._household.records.values():
                if record.enabled and record.id not in self._kept:
                    self._kept.add(record.id)
                    background.start_soon(self._keep, record.id)
            await news.wait()

    async def _keep(self, plugin_id: str) -> None:
        """See to it that an enabled plugin runs, until it is disabled."""
        pause = FIRST_PAUSE
        while (record := self._household.records.get(plugin_id)) is not None and record.enabled:
            begun = trio.current_time()
            try:
                async with self._household.lock(plugin_id):
                    record = self._household.records.get(plugin_id)
                    if record is None or not record.enabled:
                        break
                    await self._machine.start(record)
                status = await self._machine.wait(plugin_id)
                log.info("plugin %s ended with status %d", record.name, status)
            except EngineError as error:
                log.warning("plugin %s: %s", plugin_id[:12], error)
            pause = FIRST_PAUSE if trio.current_time() - begun > STEADY else pause
            with trio.move_on_after(pause):
                await self._household.news.wait()
            pause = min(2 * pause, LAST_PAUSE)
        self._kept.discard(plugin_id)
