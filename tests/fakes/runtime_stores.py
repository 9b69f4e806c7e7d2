"""containerd's snapshots and container records in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from engine.errors import Conflict, NotFound
from engine.models.runtime import ContainerInfo, Mount, RuncOptions, SnapshotInfo
from tests.fakes.containerd import matching, merged

Step = Callable[[str], Awaitable[None]]


class FakeSnapshots:
    """`layers` are committed already, as an image's are."""

    def __init__(self, step: Step, *layers: str) -> None:
        self._step = step
        self.all: dict[str, SnapshotInfo] = {}
        self.sizes: dict[str, int] = {}
        for each in layers:
            self.all[each] = SnapshotInfo(each, "", "committed", {}, 0, 0)

    async def prepare(
        self, key: str, parent: str = "", *, labels: Mapping[str, str] | None = None
    ) -> list[Mount]:
        await self._step("snapshots.prepare")
        if key in self.all:
            raise Conflict(f"snapshot {key}: already exists")
        if parent and (parent not in self.all or self.all[parent].kind != "committed"):
            raise NotFound(f"parent snapshot {parent} does not exist: not found")
        self.all[key] = SnapshotInfo(key, parent, "active", dict(labels or {}), 0, 0)
        return self._mounts(key)

    async def stat(self, key: str) -> SnapshotInfo:
        await self._step("snapshots.stat")
        return self._get(key)

    async def list(self, *filters: str) -> list[SnapshotInfo]:
        await self._step("snapshots.list")
        return matching(list(self.all.values()), filters)

    async def mounts(self, key: str) -> list[Mount]:
        await self._step("snapshots.mounts")
        self._get(key)
        return self._mounts(key)

    async def commit(self, name: str, key: str, *, labels: Mapping[str, str]) -> None:
        await self._step("snapshots.commit")
        active = self._get(key)
        if name in self.all:
            raise Conflict(f"snapshot {name}: already exists")
        self.all[name] = msgspec.structs.replace(
            active, name=name, kind="committed", labels=dict(labels)
        )
        del self.all[key]

    async def remove(self, key: str) -> None:
        await self._step("snapshots.remove")
        self._get(key)
        if any(each.parent == key for each in self.all.values()):
            raise Conflict("cannot remove snapshot with child: failed precondition")
        del self.all[key]

    async def usage(self, key: str) -> tuple[int, int]:
        await self._step("snapshots.usage")
        self._get(key)
        return self.sizes.get(key, 0), 1

    def _get(self, key: str) -> SnapshotInfo:
        if key not in self.all:
            raise NotFound(f"snapshot {key} does not exist: not found")
        return self.all[key]

    def _mounts(self, key: str) -> list[Mount]:
        return [Mount("overlay", "overlay", "", (f"upperdir=/snapshots/{key}/fs",))]


class FakeContainers:
    def __init__(self, step: Step) -> None:
        self._step = step
        self.all: dict[str, ContainerInfo] = {}

    async def create(
        self,
        id: str,
        *,
        labels: Mapping[str, str],
        runtime: str,
        spec: bytes,
        snapshotter: str,
        snapshot_key: str,
        runtime_options: RuncOptions | None = None,
        image: str = "",
    ) -> ContainerInfo:
        await self._step("containers.create")
        if id in self.all:
            raise Conflict(f'container "{id}": already exists')
        self.all[id] = ContainerInfo(
            id, dict(labels), image, snapshotter, snapshot_key, runtime, spec, 0, 0
        )
        return self.all[id]

    async def update_spec(self, id: str, spec: bytes) -> ContainerInfo:
        await self._step("containers.update_spec")
        return self._change(id, spec=spec)

    async def update_labels(self, id: str, labels: Mapping[str, str]) -> ContainerInfo:
        await self._step("containers.update_labels")
        return self._change(id, labels=merged(self.get(id).labels, labels))

    async def list(self, *filters: str) -> list[ContainerInfo]:
        await self._step("containers.list")
        return matching(list(self.all.values()), filters)

    async def delete(self, id: str) -> None:
        await self._step("containers.delete")
        self.get(id)
        del self.all[id]

    def get(self, id: str) -> ContainerInfo:
        if id not in self.all:
            raise NotFound(f'container "{id}" in namespace "moby": not found')
        return self.all[id]

    def _change(self, id: str, **changes: Any) -> ContainerInfo:
        self.all[id] = msgspec.structs.replace(self.get(id), **changes)
        return self.all[id]
