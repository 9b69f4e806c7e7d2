"""Volumes of other drivers: made, mounted and removed by plugins, and bound where a local one would have its directory.

So a container's mounts, copy-up and `docker cp` need not know whose a volume is. An intent is open from before a
plugin is asked to mount until it has unmounted; what a crash or a dead plugin leaves open is unmounted in the background.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable

import trio

from engine.domain.volumes import rules
from engine.domain.volumes.book import Book
from engine.domain.volumes.ports import Drivers, RemoteVolume, Store
from engine.domain.volumes.records import LOCAL, VolumeRecord, VolumeWish
from engine.errors import EngineError

log = logging.getLogger(__name__)

FIRST_PAUSE, LAST_PAUSE = 0.5, 10.0  # seconds between two tries in the background


class Remote:
    """What is left to do outlives the service's incarnations, like the book."""

    def __init__(self, book: Book, drivers: Drivers) -> None:
        self._book = book
        self._drivers = drivers
        self._stale: set[str] = set()
        self._gone: set[VolumeKey] = set()
        self._more = trio.Event()

    async def need(self, driver: str) -> None:
        """NotFound, Unavailable: `error looking up volume plugin ...`."""
        if driver in ("", LOCAL):
            return
        try:
            await self._drivers.need(driver)
        except EngineError as error:
            raise rules.no_driver(driver, error) from error

    async def check(self, wish: VolumeWish, existing: VolumeRecord | None) -> None:
        """What `rules.check_wish` raises, and NotFound or Unavailable for the driver; that first, as on dockerd."""
        if existing is None or wish.driver != existing.driver:
            try:
                await self.need(wish.driver)
            except EngineError as error:
                raise rules.refused("create", wish.name, error) from error
        rules.check_wish(wish, existing)

    async def create(self, record: VolumeRecord) -> None:
        if record.driver == LOCAL:
            return
        try:
            await self.need(record.driver)
            await self._drivers.create(record.driver, record.name, record.options or {})
        except EngineError as error:
            raise rules.refused("create", record.name, error) from error

    async def remove(self, record: VolumeRecord, *, force: bool = False) -> None:
        """With force a volume also goes whose plugin cannot be asked."""
        if record.driver == LOCAL:
            return
        try:
            await self.need(record.driver)
            await self._drivers.remove(record.driver, record.name)
        except EngineError as error:
            if not force:
                raise rules.refused("remove", record.name, error) from error
            log.warning("volume %s is removed, its driver was not: %s", record.name, error)

    async def look(self, record: VolumeRecord) -> RemoteVolume:
        try:
            await self.need(record.driver)
            return await self._drivers.look(record.driver, record.name)
        except EngineError as error:
            raise rules.refused("get", record.name, error) from error

    async def mount(self, record: VolumeRecord, store: Store) -> dict[str, str]:
        """Ask the plugin; the options with which its directory is bound where the engine looks for it."""
        await self.need(record.driver)
        await store.begin_mount(record.name)
        try:
            path = await self._drivers.mount(record.driver, record.name, caller(record))
        except BaseException:
            # It may be mounted for all we know.
            self.leave(record.name)
            raise
        self._stale.discard(record.name)
        return {"type": "none", "o": "rbind", "device": path}

    async def unmount(self, record: VolumeRecord, store: Store) -> None:
        """Never fails: what the plugin does not take now, it is asked again."""
        try:
            await self._unmount(record, store)
        except EngineError as error:
            log.warning("volume %s: %s", record.name, error)
            self.leave(record.name)

    def leave(self, name: str) -> None:
        """To be unmounted in the background, unless somebody mounts it before."""
        self._stale.add(name)
        self._more.set()

    def forget(self, record: VolumeRecord) -> None:
        """To be removed in the background: its removal has begun already."""
        if record.driver != LOCAL:
            self._gone.add((record.driver, record.name))
            self._more.set()

    async def settle(self, store: Store) -> None:
        """The background: for ever."""
        pause = FIRST_PAUSE
        while True:
            await self._more.wait()
            self._more = trio.Event()
            for name in sorted(self._stale):
                await self._tolerate(name, lambda name=name: self._settle_mount(name, store))  # type: ignore[misc]
            for driver, name in sorted(self._gone):
                await self._tolerate(name, lambda key=(driver, name): self._settle_gone(key))  # type: ignore[misc]
            if not (self._stale or self._gone):
                pause = FIRST_PAUSE
                continue
            self._more.set()
            await trio.sleep(pause)
            pause = min(2 * pause, LAST_PAUSE)

    async def _settle_mount(self, name: str, store: Store) -> None:
        async with self._book.holding(name):
            record = self._book.volumes.get(name)
            if record is not None and not self._book.mounts.get(name):
                await self._unmount(record, store)
            elif record is None:
                await store.end_mount(name)
            self._stale.discard(name)

    async def _settle_gone(self, key: VolumeKey) -> None:
        driver, name = key
        async with self._book.holding(name):
            found = self._book.volumes.get(name)
            if found is None or found.driver != driver:
                await self._drivers.remove(driver, name)
            self._gone.discard(key)

    async def _unmount(self, record: VolumeRecord, store: Store) -> None:
        await self._drivers.unmount(record.driver, record.name, caller(record))
        await store.end_mount(record.name)

    async def _tolerate(self, name: str, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except EngineError as error:
            log.debug("volume %s: %s", name, error)


VolumeKey = tuple[str, str]


def caller(record: VolumeRecord) -> str:
    """The ID in Mount and Unmount: the same over restarts, so that a crash leaves no mount without a name."""
    return hashlib.sha256(f"{record.name} {record.created_ns}".encode()).hexdigest()
