"""A room of managed plugins on fakes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import trio

from engine.domain.events.facade import NewEvent
from engine.domain.images.facade import Artifacts, Report, TransferLimits
from engine.domain.managed.facade import Managed
from engine.domain.managed.records import CONFIG_TYPE, Package, PluginRecord
from engine.errors import NotFound
from tests.fakes.containerd import FakeContainerd
from tests.fakes.registry import LAYER, MANIFEST, FakeRegistry, digest_of, registries

CONFIG = json.dumps(
    {
        "entrypoint": ["/plugin"],
        "interface": {"types": ["docker.volumedriver/1.0"], "socket": "x.sock"},
        "env": [{"name": "A", "value": "1", "settable": ["value"]}],
    }
).encode()


PACKAGE = Package("sha256:c", 1, "sha256:l", 2, "sha256:" + 64 * "d")


def _needed(digest: str, others: Collection[Package]) -> bool:
    return any(digest in each.blobs for each in others)


@dataclass
class FakeStore:
    records: dict[str, PluginRecord] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    async def load(self) -> list[PluginRecord]:
        await trio.lowlevel.checkpoint()
        return list(self.records.values())

    async def put(self, record: PluginRecord, event: NewEvent | None) -> None:
        await trio.lowlevel.checkpoint()
        self.records[record.id] = record
        if event is not None:
            self.told.append(event.action)

    async def drop(self, record: PluginRecord, event: NewEvent) -> None:
        await trio.lowlevel.checkpoint()
        del self.records[record.id]
        self.told.append(event.action)


@dataclass
class FakeMachine:
    """`running` plugins have an event that is their end."""

    config: bytes = CONFIG
    installed: set[str] = field(default_factory=set)
    running: dict[str, trio.Event] = field(default_factory=dict)
    starts: list[str] = field(default_factory=list)
    failures: dict[str, Exception] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    swept: list[set[str]] = field(default_factory=list)

    async def pack(
        self, chunks: AsyncIterator[bytes], finish: Callable[[bytes, str], bytes]
    ) -> tuple[bytes, Package]:
        async for _ in chunks:
            pass
        return finish(self.config, PACKAGE.diff_id), PACKAGE

    async def install(self, record: PluginRecord, report: Report) -> None:
        await trio.lowlevel.checkpoint()
        self.installed.add(record.root_key)
        if (failure := self.failures.get("install")) is not None:
            raise failure

    async def start(self, record: PluginRecord) -> None:
        await trio.lowlevel.checkpoint()
        if (failure := self.failures.get("start")) is not None:
            raise failure
        if record.id not in self.running:
            self.starts.append(record.id)
            self.running[record.id] = trio.Event()

    async def wait(self, plugin_id: str) -> int:
        if plugin_id not in self.running:
            raise NotFound("no task")
        await self.running[plugin_id].wait()
        return 137

    async def stop(self, plugin_id: str) -> None:
        self.end(plugin_id)

    def end(self, plugin_id: str) -> None:
        if plugin_id in self.running:
            self.running.pop(plugin_id).set()

    async def remove(self, record: PluginRecord, others: Collection[Package]) -> None:
        await self.discard(record, others)

    async def discard(self, record: PluginRecord, others: Collection[Package]) -> None:
        await trio.lowlevel.checkpoint()
        self.installed.discard(record.root_key)
        self.gone += [each for each in record.package.blobs if not _needed(each, others)]

    async def sweep(self, records: Collection[PluginRecord]) -> None:
        await trio.lowlevel.checkpoint()
        self.swept.append({each.id for each in records})

    def address(self, record: PluginRecord) -> str:
        return f"unix:///{record.id}"

    def root(self, plugin_id: str) -> str:
        return f"/plugins/{plugin_id}"

    def propagated(self, plugin_id: str) -> str:
        return f"/propagated/{plugin_id}"


def artifacts(registry: FakeRegistry, containerd: FakeContainerd) -> Artifacts:
    return Artifacts(
        containerd,
        registries(registry),
        engine_id="e1",
        kind=CONFIG_TYPE,
        noun="plugin",
        limits=TransferLimits(),
    )


def publish(registry: FakeRegistry, tag: str, layer: bytes = b"layer", **config: Any) -> str:
    """A plugin `reg.test/me/mini:TAG`; its digest."""
    root = {"type": "layers", "diff_ids": [digest_of(layer)]}
    data = json.dumps({**json.loads(CONFIG), "rootfs": root, **config}).encode()

    def entry(kind: str, blob: bytes) -> dict[str, Any]:
        return {
            "mediaType": kind,
            "size": len(blob),
            "digest": registry.put("me/mini", blob),
        }

    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": entry(CONFIG_TYPE, data),
        "layers": [entry(LAYER, layer)],
    }
    return registry.tag("me/mini", tag, json.dumps(manifest).encode())


@dataclass
class Room:
    registry: FakeRegistry = field(default_factory=FakeRegistry)
    containerd: FakeContainerd = field(default_factory=FakeContainerd)
    machine: FakeMachine = field(default_factory=FakeMachine)
    store: FakeStore = field(default_factory=FakeStore)
    used: set[str] = field(default_factory=set)
    leave: bool = False


@contextlib.asynccontextmanager
async def running(room: Room) -> AsyncIterator[Managed]:
    managed = Managed(
        room.machine,
        room.store,
        artifacts(room.registry, room.containerd),
        room.used.__contains__,
        lambda: room.leave,
    )

    async def reached(address: str, timeout: float) -> None:
        await trio.lowlevel.checkpoint()

    managed._household.reached = reached
    service = managed.service()
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: service.run(task_status=task_status))
        yield managed
        await service.stop()


async def archive() -> AsyncIterator[bytes]:
    yield b"tar"
