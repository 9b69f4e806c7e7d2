"""containerd in memory: content, images, snapshots, diffs and leases, and its collector."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from engine.domain.images.ports import Descriptor, Resource
from engine.errors import Conflict, InvalidParameter, NotFound, SystemFailure
from engine.models import runtime

_FILTER = re.compile(r'labels\."([^"]+)"=="?([^",]*)"?')


@dataclass(frozen=True)
class Blob:
    digest: str
    data: bytes
    labels: dict[str, str]

    @property
    def size(self) -> int:
        return len(self.data)


@dataclass(frozen=True)
class Upload:
    ref: str
    updated_at: float


@dataclass(frozen=True)
class Record:
    name: str
    target: Descriptor
    labels: dict[str, str]
    updated_at: float


@dataclass
class Snapshot:
    name: str
    parent: str
    kind: str
    labels: dict[str, str]
    size: int = 0


@dataclass
class Lease:
    id: str
    labels: dict[str, str]
    expire_s: float | None
    held: set[tuple[str, str]] = field(default_factory=set)


@dataclass(frozen=True)
class Mount:
    source: str


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def merged(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in {**old, **new}.items() if value}


def matching(items: Sequence[Any], filters: Sequence[str]) -> list[Any]:
    def matches(item: Any, one: str) -> bool:
        return all(item.labels.get(key) == value for key, value in _FILTER.findall(one))

    return [item for item in items if not filters or any(matches(item, one) for one in filters)]


class FakeReader:
    def __init__(self, content: FakeContent, digest: str, offset: int, size: int) -> None:
        self._content, self._digest = content, digest
        self._at, self._end = offset, offset + size if size else None

    def __aiter__(self) -> FakeReader:
        return self

    async def __anext__(self) -> bytes:
        data = self._content.blob(self._digest).data
        piece = data[self._at : min(self._at + 1000, self._end or len(data))]
        if not piece:
            raise StopAsyncIteration
        self._at += len(piece)
        return piece

    async def aclose(self) -> None:
        self._end = self._at


class FakeWriter:
    def __init__(self, content: FakeContent, ref: str, expected: str, lease: str | None) -> None:
        self._content, self._ref, self._expected, self._lease = content, ref, expected, lease
        self.labels: dict[str, str] = {}
        self.exists = expected in content.blobs
        if self.exists:
            content.leases.hold(lease, "content", expected)
        else:
            content.ingests.setdefault(ref, bytearray())

    @property
    def offset(self) -> int:
        return len(self._content.ingests.get(self._ref, b""))

    async def write(self, data: bytes) -> None:
        if not self.exists:
            self._content.ingests[self._ref] += data

    async def commit(self, size: int = 0, digest: str = "", labels: Any = None) -> str:
        if self.exists:
            return digest or self._expected
        data = bytes(self._content.ingests[self._ref])
        found = digest_of(data)
        if (digest or self._expected or found) != found or (size and size != len(data)):
            raise Conflict(f"unexpected commit digest {found}")
        del self._content.ingests[self._ref]
        own = {**self.labels, **(labels or {})}
        self.exists = found in self._content.blobs
        self._content.blobs.setdefault(found, Blob(found, data, own))
        self._content.leases.hold(self._lease, "content", found)
        return found


class FakeContent:
    def __init__(self, leases: FakeLeases) -> None:
        self.leases = leases
        self.blobs: dict[str, Blob] = {}
        self.ingests: dict[str, bytearray] = {}
        self.touched: dict[str, float] = {}

    def blob(self, digest: str) -> Blob:
        if digest not in self.blobs:
            raise NotFound(f"content {digest}: not found")
        return self.blobs[digest]

    async def info(self, digest: str) -> Blob:
        return self.blob(digest)

    async def delete(self, digest: str) -> None:
        del self.blobs[self.blob(digest).digest]

    def read(self, digest: str, offset: int = 0, size: int = 0) -> FakeReader:
        return FakeReader(self, digest, offset, size)

    async def read_all(self, digest: str, limit: int) -> bytes:
        data = self.blob(digest).data
        if len(data) > limit:
            raise InvalidParameter(f"content {digest} is longer than {limit} bytes")
        return data

    @asynccontextmanager
    async def writer(
        self,
        ref: str,
        *,
        size: int = 0,
        expected: str = "",
        labels: Mapping[str, str] | None = None,
        lease: str | None = None,
    ) -> AsyncIterator[FakeWriter]:
        writer = FakeWriter(self, ref, expected, lease)
        writer.labels = dict(labels or {})
        yield writer

    async def status(self, ref: str) -> int:
        if ref not in self.ingests:
            raise NotFound(f"ingest {ref}: not found")
        return len(self.ingests[ref])

    async def statuses(self, *filters: str) -> list[Upload]:
        return [Upload(ref, self.touched.get(ref, 0.0)) for ref in self.ingests]

    async def list(self, *filters: str) -> list[Blob]:
        return matching(list(self.blobs.values()), filters)

    async def abort(self, ref: str) -> None:
        if self.ingests.pop(ref, None) is None:
            raise NotFound(f"ingest {ref}: not found")

    async def update_labels(self, digest: str, labels: Mapping[str, str]) -> Blob:
        blob = self.blob(digest)
        self.blobs[digest] = replace(blob, labels=merged(blob.labels, labels))
        return self.blobs[digest]


class FakeImages:
    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.clock = 1_000.0

    async def get(self, name: str) -> Record:
        if name not in self.records:
            raise NotFound(f'image "{name}": not found')
        return self.records[name]

    async def list(self, *filters: str) -> list[Record]:
        return matching(list(self.records.values()), filters)

    async def create(
        self, name: str, target: Any, labels: Mapping[str, str], *, lease: str | None = None
    ) -> Record:
        if name in self.records:
            raise Conflict(f'image "{name}": already exists')
        self.clock += 1
        self.records[name] = Record(name, target, merged({}, labels), self.clock)
        return self.records[name]

    async def update(self, name: str, target: Any, labels: Mapping[str, str]) -> Record:
        old = await self.get(name)
        self.clock += 1
        self.records[name] = Record(name, target, merged(old.labels, labels), self.clock)
        return self.records[name]

    async def delete(self, name: str, sync: bool = False) -> None:
        await self.get(name)
        del self.records[name]


class FakeSnapshots:
    """`places` are the directories' numbers, under `root`."""

    root = "/data/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots"

    def __init__(self, leases: FakeLeases) -> None:
        self.leases = leases
        self.snapshots: dict[str, Snapshot] = {}
        self.places: dict[str, int] = {}

    async def list(self, *filters: str) -> list[Snapshot]:
        return matching(list(self.snapshots.values()), filters)

    def directory(self, name: str) -> str:
        return f"{self.root}/{self.places.setdefault(name, len(self.places) + 1)}"

    async def mounts(self, key: str) -> list[runtime.Mount]:
        """As the overlay snapshotter's: one layer alone is bound."""
        own = await self.stat(key)
        below = []
        parent = own.parent
        while parent:
            below.append(f"{self.directory(parent)}/fs")
            parent = self.snapshots[parent].parent
        if own.kind == "view" and len(below) == 1:
            return [runtime.Mount("bind", below[0])]
        if not below:
            return [runtime.Mount("bind", f"{self.directory(key)}/fs")]
        options = [f"lowerdir={':'.join(below)}"]
        if own.kind != "view":
            options.insert(0, f"upperdir={self.directory(key)}/fs")
        return [runtime.Mount("overlay", "overlay", options=tuple(options))]

    async def view(
        self, key: str, parent: str, *, labels: Mapping[str, str], lease: str | None = None
    ) -> list[runtime.Mount]:
        await self.stat(parent)
        self.snapshots[key] = Snapshot(key, parent, "view", dict(labels))
        self.leases.hold(lease, "snapshot", key)
        return await self.mounts(key)

    async def prepare(
        self, key: str, parent: str = "", *, labels: Mapping[str, str], lease: str | None = None
    ) -> list[Mount]:
        if key in self.snapshots:
            raise Conflict(f"snapshot {key}: already exists")
        if parent and (await self.stat(parent)).kind != "committed":
            raise InvalidParameter(f"parent {parent} is not committed")
        self.snapshots[key] = Snapshot(key, parent, "active", dict(labels))
        self.leases.hold(lease, "snapshot", key)
        return [Mount(key)]

    async def commit(
        self, name: str, key: str, *, labels: Mapping[str, str], lease: str | None = None
    ) -> None:
        active = await self.stat(key)
        if name in self.snapshots:
            raise Conflict(f"snapshot {name}: already exists")
        self.snapshots[name] = Snapshot(name, active.parent, "committed", dict(labels), active.size)
        del self.snapshots[key]
        self.leases.hold(lease, "snapshot", name)

    async def remove(self, key: str) -> None:
        await self.stat(key)
        if any(each.parent == key for each in self.snapshots.values()):
            raise Conflict(f"cannot remove snapshot {key} with children")
        del self.snapshots[key]

    async def stat(self, key: str) -> Snapshot:
        if key not in self.snapshots:
            raise NotFound(f"snapshot {key}: not found")
        return self.snapshots[key]

    async def usage(self, key: str) -> tuple[int, int]:
        return (await self.stat(key)).size, 1


class FakeDiff:
    def __init__(self, content: FakeContent, snapshots: FakeSnapshots) -> None:
        self._content, self._snapshots = content, snapshots
        self.applied: list[str] = []

    async def apply(self, descriptor: Any, mounts: Any, *, lease: str | None = None) -> Descriptor:
        data = self._content.blob(descriptor.digest).data
        if descriptor.media_type.endswith("gzip"):
            try:
                data = gzip.decompress(data)
            except EOFError:
                raise SystemFailure("unexpected EOF") from None
        self._snapshots.snapshots[mounts[0].source].size += len(data)
        self.applied.append(descriptor.digest)
        return Descriptor("application/vnd.oci.image.layer.v1.tar", digest_of(data), len(data))

    async def diff(
        self, lower: Any, upper: Any, media_type: str, *, lease: str | None = None
    ) -> Descriptor:
        """The names of what is compared stand for what differs."""
        data = f"{lower[0].source} {upper[0].source}".encode()
        writer = FakeWriter(self._content, "diff", digest_of(data), lease)
        await writer.write(data)
        return Descriptor(media_type, await writer.commit(), len(data))


class FakeLeases:
    def __init__(self, collect: Callable[[], None]) -> None:
        self.collect = collect
        self.leases: dict[str, Lease] = {}

    def hold(self, lease: str | None, kind: str, id: str) -> None:
        if lease is not None:
            self.leases[lease].held.add((kind, id))

    async def create(
        self, id: str, labels: Mapping[str, str], expire_s: float | None = None
    ) -> Lease:
        if id in self.leases:
            raise Conflict(f"lease {id}: already exists")
        self.leases[id] = Lease(id, dict(labels), expire_s)
        return self.leases[id]

    async def delete(self, id: str, sync: bool = False) -> None:
        if self.leases.pop(id, None) is None:
            raise NotFound(f"lease {id}: not found")
        if sync:
            self.collect()

    async def list(self, *filters: str) -> list[Lease]:
        return matching(list(self.leases.values()), filters)

    async def add_resource(self, id: str, resource: Resource) -> None:
        if id not in self.leases:
            raise NotFound(f"lease {id}: not found")
        self.hold(id, resource.type.split("/")[0].removesuffix("s"), resource.id)


class FakeContainerd:
    """The client's parts, over one set of dictionaries."""

    def __init__(self, snapshotter: str = "overlayfs") -> None:
        self.snapshotter = snapshotter
        self.leases = FakeLeases(self.collect)
        self.content = FakeContent(self.leases)
        self.images = FakeImages()
        self.snapshots = FakeSnapshots(self.leases)
        self.diff = FakeDiff(self.content, self.snapshots)

    def collect(self) -> None:
        """What containerd's garbage collector does: keep what roots and leases reach."""
        content: set[str] = set()
        snapshots: set[str] = set()
        queue = [("content", each.target.digest) for each in self.images.records.values()]
        for lease in self.leases.leases.values():
            queue += lease.held
        for each in self.snapshots.snapshots.values():
            if "containerd.io/gc.root" in each.labels:
                queue.append(("snapshot", each.name))
        while queue:
            kind, id = queue.pop()
            if kind == "content" and id not in content and id in self.content.blobs:
                content.add(id)
                queue += self._references(self.content.blobs[id].labels)
            elif kind == "snapshot" and id not in snapshots and id in self.snapshots.snapshots:
                snapshots.add(id)
                queue.append(("snapshot", self.snapshots.snapshots[id].parent))
        for gone in set(self.content.blobs) - content:
            del self.content.blobs[gone]
        for lost in set(self.snapshots.snapshots) - snapshots:
            del self.snapshots.snapshots[lost]

    def _references(self, labels: Mapping[str, str]) -> list[tuple[str, str]]:
        found = []
        for key, value in labels.items():
            if key.startswith("containerd.io/gc.ref.content"):
                found.append(("content", value))
            if key == f"containerd.io/gc.ref.snapshot.{self.snapshotter}":
                found.append(("snapshot", value))
        return found
