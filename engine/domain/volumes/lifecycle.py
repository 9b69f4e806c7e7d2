"""Volumes come and go: creation, references, removal, prune; each step may be the last one before a crash.

A creation commits the record before it makes the directory: the next start makes what is missing. A
removal opens an intent, puts the directory away in one step, commits, and only then deletes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from engine.domain.names import generate_id
from engine.domain.volumes import filters, rules, views
from engine.domain.volumes.book import Book
from engine.domain.volumes.filters import Filters
from engine.domain.volumes.ports import Disk, Store
from engine.domain.volumes.records import ANONYMOUS, LOCAL, VolumeRecord, VolumeWish
from engine.domain.volumes.remote import Remote
from engine.errors import Conflict, EngineError
from engine.models.volumes import VolumePruneReport

log = logging.getLogger(__name__)


class Lifecycle:
    def __init__(self, book: Book, disk: Disk, store: Store, remote: Remote) -> None:
        self._book = book
        self._disk = disk
        self._store = store
        self._remote = remote

    async def create(self, wish: VolumeWish, container_id: str = "") -> VolumeRecord:
        """The volume of that name, made if it isn't there; for a container, with its reference."""
        name = wish.name or generate_id()
        async with self._book.holding(name):
            record = self._book.volumes.get(name)
            await self._remote.check(wish, record)
            if record is None:
                record = await self._make(name, wish)
            if container_id:
                self._book.use(name, container_id)
            return record

    async def provide(self, container_id: str, wishes: Iterable[VolumeWish]) -> list[VolumeRecord]:
        found: list[VolumeRecord] = []
        try:
            for wish in wishes:
                found.append(await self.create(wish, container_id))  # noqa: PERF401  it awaits
        except BaseException:
            await self.release(container_id, [each.name for each in found if each.anonymous])
            raise
        return found

    async def release(self, container_id: str, discard: Iterable[str] = ()) -> None:
        """What cannot be removed is logged: the container goes all the same, as on dockerd."""
        for name in self._book.used_by(container_id):
            self._book.leave(name, container_id)
        for name in dict.fromkeys(discard):
            async with self._book.holding(name):
                record = self._book.volumes.get(name)
                if record is None or self._book.users(name):
                    continue
                try:
                    await self._remove(record)
                except EngineError as error:
                    log.error("volume %s of container %s: %s", name, container_id, error)

    async def remove(self, name: str, *, force: bool = False) -> None:
        """NotFound (not with force), Conflict while containers refer to it."""
        async with self._book.holding(name):
            if force and name not in self._book.volumes:
                return
            record = self._book.find(name)
            if users := self._book.users(name):
                raise Conflict(f"remove {name}: volume is in use - [{', '.join(users)}]")
            await self._remove(record, force=force)

    async def prune(self, wanted: Filters) -> VolumePruneReport:
        """Remove what matches and nobody refers to; beside another prune, after it."""
        async with self._book.pruning:
            report = await self._prune(wanted)
        await self._store.tell(views.pruned(report.space_reclaimed))
        return report

    async def _prune(self, wanted: Filters) -> VolumePruneReport:
        deleted, reclaimed = [], 0
        for candidate in views.by_name(self._book.volumes.values()):
            async with self._book.holding(candidate.name):
                record = self._book.volumes.get(candidate.name)
                if record is None or self._book.users(record.name):
                    continue
                if not filters.pruned(record, wanted):
                    continue
                try:
                    size = await self._disk.size(record.name)
                    await self._remove(record)
                except EngineError as error:
                    log.warning("pruning volume %s: %s", record.name, error)
                    continue
            deleted.append(record.name)
            reclaimed += size
        return VolumePruneReport(volumes_deleted=deleted, space_reclaimed=reclaimed)

    async def _make(self, name: str, wish: VolumeWish) -> VolumeRecord:
        labels = wish.labels
        if not wish.name:
            labels = {**(labels or {}), ANONYMOUS: ""}
        record = VolumeRecord(
            name=name,
            created_ns=time.time_ns(),
            driver=wish.driver or LOCAL,
            labels=labels,
            options=wish.options,
        )
        await self.make(record)
        return record

    async def make(self, record: VolumeRecord) -> None:
        """Make it, or finish the making of it; a refusal takes it back.

        A plugin is asked before there is a record: what it made and nobody knows of is found when it is asked again.
        """
        name = record.name
        await self._remote.create(record)
        self._book.making[name] = record
        try:
            await self._store.add(record, views.changed("create", record))
            await self._furnish(record)
        except EngineError:
            del self._book.making[name]
            raise
        self._book.volumes[name] = self._book.making.pop(name)

    async def _furnish(self, record: VolumeRecord) -> None:
        try:
            await self._disk.make(record.name)
        except EngineError as error:
            await self._store.drop(record.name, views.changed("destroy", record))
            raise rules.refused("create", record.name, error) from error

    async def _remove(self, record: VolumeRecord, *, force: bool = False) -> None:
        """Needs the volume held, and nobody that uses it."""
        name = record.name
        await self._store.begin_removal(name)
        try:
            await self._remote.remove(record, force=force)
        except EngineError:
            await self._store.end_removal(name)
            raise
        try:
            await self._disk.stow(name)
        except EngineError as error:
            await self._store.end_removal(name)
            raise rules.refused("remove", name, error) from error
        try:
            await self._store.drop(name, views.changed("destroy", record))
        except EngineError:
            await self._disk.bring_back(name)
            raise
        del self._book.volumes[name]
        await discard(name, self._disk, self._store)


async def discard(name: str, disk: Disk, store: Store) -> None:
    """The end of a removal. What cannot be deleted is out of the way, and tried again at the next start."""
    try:
        await disk.discard(name)
    except EngineError as error:
        log.warning("the content of removed volume %s stays for now: %s", name, error)
        return
    await store.end_removal(name)
