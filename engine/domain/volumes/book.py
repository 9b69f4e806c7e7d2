"""The room's memory: which volumes there are, who refers to them, who has them mounted.

Nothing but `holding` awaits, so every change is atomic; readers see it whole. It outlives the
service's incarnations.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import trio

from engine.domain.volumes.records import VolumeRecord
from engine.domain.volumes.rules import no_such_volume


class Book(msgspec.Struct):
    """`users` are container IDs in the order in which they came; `mounts` only knows volumes with options.

    What is in `making` may not be in the store, or have no directory: a crash came in between.
    """

    volumes: dict[str, VolumeRecord] = msgspec.field(default_factory=dict)
    mounts: dict[str, set[str]] = msgspec.field(default_factory=dict)
    loaded: bool = False
    restored: bool = False
    pruning: trio.Lock = msgspec.field(default_factory=trio.Lock)
    making: dict[str, VolumeRecord] = msgspec.field(default_factory=dict)
    _users: dict[str, dict[str, None]] = msgspec.field(default_factory=dict)
    _locks: dict[str, trio.Lock] = msgspec.field(default_factory=dict)

    def find(self, name: str) -> VolumeRecord:
        """NotFound with dockerd's text."""
        try:
            return self.volumes[name]
        except KeyError:
            raise no_such_volume(name) from None

    def users(self, name: str) -> list[str]:
        return list(self._users.get(name, ()))

    def use(self, name: str, container_id: str) -> None:
        self._users.setdefault(name, {})[container_id] = None

    def leave(self, name: str, container_id: str) -> None:
        users = self._users.get(name, {})
        users.pop(container_id, None)
        if not users:
            self._users.pop(name, None)

    def used_by(self, container_id: str) -> list[str]:
        return [name for name, users in self._users.items() if container_id in users]

    def mounted_for(self, container_id: str) -> list[str]:
        return [name for name, holders in self.mounts.items() if container_id in holders]

    @asynccontextmanager
    async def holding(self, name: str) -> AsyncIterator[None]:
        """One change to a volume at a time; other volumes don't wait."""
        lock = self._locks.setdefault(name, trio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked():
                self._locks.pop(name, None)
