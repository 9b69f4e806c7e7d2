"""Fakes of the volumes room's ports: volumes that exist in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import trio

from engine.domain.events.facade import NewEvent
from engine.domain.volumes.ports import NotADirectory, RemoteVolume, Survey
from engine.domain.volumes.records import VolumeRecord
from engine.errors import NotFound, SystemFailure
from engine.models.runtime import Mount

Content = dict[str, bytes]


@dataclass
class FakeStore:
    """`journal` is what became true, in order. `failures` names methods that raise."""

    records: dict[str, VolumeRecord] = field(default_factory=dict)
    intents: set[str] = field(default_factory=set)
    mounts: set[str] = field(default_factory=set)
    journal: list[str] = field(default_factory=list)
    failures: dict[str, Exception] = field(default_factory=dict)

    async def load(self) -> list[VolumeRecord]:
        await trio.lowlevel.checkpoint()
        return list(self.records.values())

    async def removing(self) -> list[str]:
        await trio.lowlevel.checkpoint()
        return sorted(self.intents)

    async def add(self, record: VolumeRecord, event: NewEvent) -> None:
        await self._step("add")
        self.records[record.name] = record
        self._told(event)

    async def begin_removal(self, name: str) -> None:
        await self._step("begin_removal")
        self.intents.add(name)

    async def drop(self, name: str, event: NewEvent) -> None:
        await self._step("drop")
        self.records.pop(name, None)
        self._told(event)

    async def end_removal(self, name: str) -> None:
        await self._step("end_removal")
        self.intents.discard(name)

    async def tell(self, event: NewEvent) -> None:
        await self._step("tell")
        self._told(event)

    async def begin_mount(self, name: str) -> None:
        await self._step("begin_mount")
        self.mounts.add(name)

    async def end_mount(self, name: str) -> None:
        await self._step("end_mount")
        self.mounts.discard(name)

    async def mounting(self) -> list[str]:
        await trio.lowlevel.checkpoint()
        return sorted(self.mounts)

    def _told(self, event: NewEvent) -> None:
        self.journal.append(f"{event.action} {event.actor_id}".strip())

    async def _step(self, name: str) -> None:
        await trio.lowlevel.checkpoint()
        if (failure := self.failures.get(name)) is not None:
            raise failure


@dataclass
class FakeDisk:
    """`root` is what the root file systems hold: a path's files, or bytes for a file.

    `failures` names methods that raise, `delays` those that take seconds.
    """

    root: dict[str, Content | bytes] = field(default_factory=dict)
    content: dict[str, Content] = field(default_factory=dict)
    away: dict[str, Content] = field(default_factory=dict)
    mounted: dict[str, Mapping[str, str]] = field(default_factory=dict)
    busy: set[str] = field(default_factory=set)
    points: dict[str, tuple[str, str]] = field(default_factory=dict)
    failures: dict[str, Exception] = field(default_factory=dict)
    delays: dict[str, float] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def mountpoint(self, name: str) -> str:
        return f"/volumes/{name}/_data"

    async def survey(self) -> Survey:
        await trio.lowlevel.checkpoint()
        return Survey(frozenset(self.content), frozenset(self.away), frozenset(self.mounted))

    async def make(self, name: str) -> None:
        await self._step("make", name)
        self.content.setdefault(name, {})

    async def stow(self, name: str) -> None:
        await self._step("stow", name)
        if name in self.mounted or name in self.busy:
            raise SystemFailure(f"unlinkat {self.mountpoint(name)}: device or resource busy")
        self.away.pop(name, None)
        if name in self.content:
            self.away[name] = self.content.pop(name)

    async def bring_back(self, name: str) -> None:
        await self._step("bring_back", name)
        self.content[name] = self.away.pop(name)

    async def discard(self, name: str) -> None:
        await self._step("discard", name)
        self.away.pop(name, None)

    async def is_empty(self, name: str) -> bool:
        await self._step("is_empty", name)
        return not self._of(name)

    async def size(self, name: str) -> int:
        await self._step("size", name)
        return sum(len(data) for data in self._of(name).values())

    async def fill(
        self, name: str, subpath: str, rootfs: Sequence[Mount], path: str, *, mounted: bool
    ) -> None:
        await self._step("fill", name)
        found = self.root.get(path)
        if self._of(name) or found is None:
            return
        if isinstance(found, bytes):
            raise NotADirectory(path)
        self.content[name] = dict(found)

    async def mount(self, name: str, options: Mapping[str, str]) -> None:
        await self._step("mount", name)
        self.mounted[name] = options

    async def unmount(self, name: str) -> None:
        await self._step("unmount", name)
        self.mounted.pop(name, None)

    async def expose(self, name: str, subpath: str, point: str) -> None:
        await self._step("expose", name)
        self.points[point] = (name, subpath)

    async def conceal(self, point: str) -> None:
        await self._step("conceal", point)
        self.points.pop(point, None)

    def _of(self, name: str) -> Content:
        if name not in self.content:
            raise SystemFailure(f"{self.mountpoint(name)}: no such file or directory")
        return self.content[name]

    async def _step(self, method: str, name: str) -> None:
        self.calls.append(f"{method} {name}")
        await trio.sleep(self.delays.get(method, 0))
        if (failure := self.failures.get(method)) is not None:
            raise failure


@dataclass
class FakeDrivers:
    """`volumes` of each driver that is there; `mounted` are (driver, name, caller). `failures` names methods
    that raise."""

    volumes: dict[str, set[str]] = field(default_factory=dict)
    mounted: set[tuple[str, str, str]] = field(default_factory=set)
    failures: dict[str, Exception] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    async def need(self, driver: str) -> None:
        await trio.lowlevel.checkpoint()
        if driver not in self.volumes:
            raise NotFound(f'plugin "{driver}" not found')

    async def create(self, driver: str, name: str, options: Mapping[str, str]) -> None:
        await self._step("create", name)
        self.volumes[driver].add(name)

    async def remove(self, driver: str, name: str) -> None:
        await self._step("remove", name)
        self.volumes[driver].remove(name)

    async def mount(self, driver: str, name: str, caller: str) -> str:
        await self._step("mount", name)
        self.mounted.add((driver, name, caller))
        return f"/{driver}/{name}"

    async def unmount(self, driver: str, name: str, caller: str) -> None:
        await self._step("unmount", name)
        self.mounted.discard((driver, name, caller))

    async def look(self, driver: str, name: str) -> RemoteVolume:
        await self._step("look", name)
        return RemoteVolume(mountpoint=f"/{driver}/{name}", status={"x": 1}, scope="global")

    def active(self) -> list[str]:
        return sorted(self.volumes)

    async def _step(self, method: str, name: str) -> None:
        self.calls.append(f"{method} {name}")
        await trio.lowlevel.checkpoint()
        if (failure := self.failures.get(method)) is not None:
            raise failure
