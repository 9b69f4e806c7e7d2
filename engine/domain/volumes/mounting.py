"""Volumes that are mounts of their own: on at the first use, off at the last; and copy-up into any volume."""

from __future__ import annotations

import logging

from engine.domain.volumes import rules
from engine.domain.volumes.book import Book
from engine.domain.volumes.messages import Fill
from engine.domain.volumes.ports import Disk, Store
from engine.domain.volumes.records import LOCAL, VolumeRecord
from engine.domain.volumes.remote import Remote
from engine.errors import EngineError, SystemFailure

log = logging.getLogger(__name__)


class Mounting:
    def __init__(self, book: Book, disk: Disk, store: Store, remote: Remote) -> None:
        self._book = book
        self._disk = disk
        self._store = store
        self._remote = remote

    async def mount_all(self, container_id: str, names: tuple[str, ...]) -> None:
        try:
            for name in names:
                await self._mount(name, container_id)
        except BaseException:
            await self.unmount_all(container_id)
            raise

    async def unmount_all(self, container_id: str) -> None:
        """Never fails: what stays mounted is taken away before its volume is used or removed."""
        for name in self._book.mounted_for(container_id):
            await self._unmount(name, container_id)

    async def fill(self, message: Fill) -> None:
        """Copy-up. The copier is a user of the mount like any container."""
        name, copier = message.name, f"copy-up for {message.container_id}"
        await self._mount(name, copier)
        try:
            async with self._book.holding(name):
                mounted = rules.needs_mount(self._book.find(name))
                await self._disk.fill(
                    name, message.subpath, message.rootfs, message.path, mounted=mounted
                )
        finally:
            await self._unmount(name, copier)

    async def _mount(self, name: str, holder: str) -> None:
        async with self._book.holding(name):
            record = self._book.find(name)
            if not rules.needs_mount(record):
                return
            holders = self._book.mounts.setdefault(name, set())
            if not holders:
                try:
                    await self._make_mount(record)
                except EngineError as error:
                    point = self._disk.mountpoint(name)
                    raise SystemFailure(
                        f"error while mounting volume '{point}': {error}"
                    ) from error
            holders.add(holder)

    async def _unmount(self, name: str, holder: str) -> None:
        async with self._book.holding(name):
            holders = self._book.mounts.get(name, set())
            holders.discard(holder)
            if holders or name not in self._book.mounts:
                return
            try:
                await self._disk.unmount(name)
            except EngineError as error:
                log.error("volume %s: %s", name, error)
            self._book.mounts.pop(name, None)
            record = self._book.volumes.get(name)
            if record is not None and record.driver != LOCAL:
                await self._remote.unmount(record, self._store)

    async def _make_mount(self, record: VolumeRecord) -> None:
        if record.driver == LOCAL:
            await self._disk.mount(record.name, record.options or {})
            return
        options = await self._remote.mount(record, self._store)
        try:
            await self._disk.mount(record.name, options)
        except BaseException:
            self._remote.leave(record.name)
            raise
