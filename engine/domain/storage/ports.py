"""What the storage room needs from outside: the data root as it lies on the disk, and containerd's books."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec

from engine.models.runtime import Mount


class Unit(msgspec.Struct, frozen=True):
    """A file, or a directory with all that is in it; where its parts are units, the directory alone.

    `path` is relative to the data root, `bytes` what it takes on disk.
    """

    path: str
    bytes: int


class Space(msgspec.Struct, frozen=True):
    """Of the data root's file system, in bytes; `free` is what is left for us."""

    size: int
    free: int


class Disk(Protocol):
    """Each call has a deadline of its own; SystemFailure, DeadlineExceeded."""

    @property
    def root(self) -> str: ...

    async def survey(self, splits: Callable[[str], bool]) -> Sequence[Unit]:
        """Everything under the data root but what is mounted there; each inode counts once.

        A directory is one unit unless `splits(path)`: then its entries are.
        """
        ...

    async def uploads(self) -> Mapping[str, str]:
        """containerd's uploads: directory -> reference, as far as it can be read."""
        ...

    async def space(self) -> Space: ...

    async def remove(self, path: str) -> None:
        """A file or a tree, without following a link; not at all while something is mounted in it."""
        ...


class Snapshot(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def parent(self) -> str: ...
    @property
    def kind(self) -> str: ...


class Snapshots(Protocol):
    async def list(self, *filters: str) -> Sequence[Snapshot]: ...
    async def mounts(self, key: str) -> Sequence[Mount]: ...
    async def view(
        self,
        key: str,
        parent: str,
        *,
        labels: Mapping[str, str] | None = None,
        lease: str | None = None,
    ) -> Sequence[Mount]: ...
    async def prepare(
        self, key: str, parent: str = "", *, labels: Mapping[str, str], lease: str | None = None
    ) -> Sequence[Any]: ...
    async def remove(self, key: str) -> None: ...


class Blob(Protocol):
    @property
    def digest(self) -> str: ...
    @property
    def labels(self) -> Mapping[str, str]: ...


class Upload(Protocol):
    @property
    def ref(self) -> str: ...
    @property
    def updated_at(self) -> float: ...


class Writer(Protocol):
    async def write(self, data: bytes) -> Any: ...
    async def commit(self, size: int, digest: str, labels: Mapping[str, str]) -> Any: ...


class Content(Protocol):
    async def list(self, *filters: str) -> Sequence[Blob]: ...
    async def statuses(self, *filters: str) -> Sequence[Upload]: ...
    async def abort(self, ref: str) -> None: ...
    async def delete(self, digest: str) -> None: ...
    def writer(
        self, ref: str, *, lease: str | None = None
    ) -> AbstractAsyncContextManager[Writer]: ...


class Target(Protocol):
    @property
    def digest(self) -> str: ...


class Record(Protocol):
    @property
    def target(self) -> Target: ...


class Records(Protocol):
    async def list(self, *filters: str) -> Sequence[Record]: ...


class Leases(Protocol):
    async def create(
        self, id: str, labels: Mapping[str, str], expire_s: float | None = None
    ) -> Any: ...
    async def delete(self, id: str, *, sync: bool = False) -> None: ...


class Stores(Protocol):
    """containerd, as far as this room uses it. Every call has its deadline; Unavailable while it is away."""

    @property
    def content(self) -> Content: ...
    @property
    def images(self) -> Records: ...
    @property
    def snapshots(self) -> Snapshots: ...
    @property
    def leases(self) -> Leases: ...
