"""What the images room needs from outside: containerd's stores, and archives read as streams."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec

__all__ = [
    "Archives",
    "Content",
    "ContentInfo",
    "ContentReader",
    "ContentWriter",
    "Descriptor",
    "DescriptorLike",
    "Diff",
    "ImageRecord",
    "ImageStore",
    "Leases",
    "Member",
    "Reserve",
    "Resource",
    "Snapshots",
    "Stores",
    "Upload",
]


class Descriptor(msgspec.Struct, frozen=True):
    """Content by its digest; `size` in bytes."""

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] = {}


class Resource(msgspec.Struct, frozen=True):
    """What a lease holds; `type` is content, ingests or snapshots/NAME."""

    id: str
    type: str


class DescriptorLike(Protocol):
    @property
    def media_type(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def annotations(self) -> Mapping[str, str]: ...


class ContentInfo(Protocol):
    @property
    def digest(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def labels(self) -> Mapping[str, str]: ...


class ContentReader(Protocol):
    def __aiter__(self) -> AsyncIterator[bytes]: ...
    async def __anext__(self) -> bytes: ...
    async def aclose(self) -> None: ...


class ContentWriter(Protocol):
    """`exists` once content with the expected digest is there: writes then do nothing.

    `offset` is how many bytes were handed over; what containerd could not take is told by a later write or the commit.
    """

    exists: bool
    offset: int

    async def write(self, data: bytes) -> Any: ...
    async def commit(self, size: int, digest: str, labels: Mapping[str, str]) -> Any:
        """Content that is there already is no error (its labels are then left as they are).

        Raises Conflict when what was written has another size or digest.
        """


class Upload(Protocol):
    """Begun, and not committed yet; `updated_at` in seconds since the epoch."""

    @property
    def ref(self) -> str: ...
    @property
    def updated_at(self) -> float: ...


class Content(Protocol):
    """`info`, `read`, `status` and `update_labels` raise NotFound."""

    async def info(self, digest: str) -> ContentInfo: ...
    def read(self, digest: str, offset: int = 0, size: int = 0) -> ContentReader: ...
    async def read_all(self, digest: str, limit: int) -> bytes: ...
    def writer(
        self,
        ref: str,
        *,
        size: int = 0,
        expected: str = "",
        labels: Mapping[str, str] | None = None,
        lease: str | None = None,
    ) -> AbstractAsyncContextManager[ContentWriter]: ...
    async def status(self, ref: str) -> Any:
        """Of an upload that was begun."""

    async def statuses(self) -> Sequence[Upload]:
        """All uploads that were begun."""

    async def abort(self, ref: str) -> None: ...
    async def update_labels(self, digest: str, labels: Mapping[str, str]) -> Any:
        """Set these labels and leave the others."""


class ImageRecord(Protocol):
    """An entry of containerd's image store; times in seconds since the epoch."""

    @property
    def name(self) -> str: ...
    @property
    def target(self) -> DescriptorLike: ...
    @property
    def labels(self) -> Mapping[str, str]: ...
    @property
    def updated_at(self) -> float: ...


class ImageStore(Protocol):
    async def get(self, name: str) -> ImageRecord: ...
    async def list(self, *filters: str) -> Sequence[ImageRecord]: ...
    async def create(
        self, name: str, target: Any, labels: Mapping[str, str], *, lease: str | None = None
    ) -> ImageRecord: ...
    async def update(self, name: str, target: Any, labels: Mapping[str, str]) -> ImageRecord:
        """Labels are merged; an empty value removes one."""

    async def delete(self, name: str, *, sync: bool = False) -> None: ...


class Snapshots(Protocol):
    """The engine's snapshotter. `prepare` and `commit` raise AlreadyExists (a Conflict)."""

    async def prepare(
        self, key: str, parent: str, *, labels: Mapping[str, str], lease: str | None = None
    ) -> Sequence[Any]: ...
    async def view(
        self, key: str, parent: str, *, labels: Mapping[str, str], lease: str | None = None
    ) -> Sequence[Any]: ...
    async def commit(
        self, name: str, key: str, *, labels: Mapping[str, str], lease: str | None = None
    ) -> None: ...
    async def remove(self, key: str) -> None: ...
    async def stat(self, key: str) -> Any: ...
    async def usage(self, key: str) -> tuple[int, int]:
        """(bytes, inodes) of this snapshot alone."""


class Diff(Protocol):
    async def apply(
        self, descriptor: Any, mounts: Any, *, lease: str | None = None
    ) -> DescriptorLike:
        """Unpack a layer; what it was before compression, whose digest is the diff ID."""

    async def diff(
        self, lower: Any, upper: Any, media_type: str, *, lease: str | None = None
    ) -> DescriptorLike:
        """Write what differs in `upper` into the content store as a layer."""


class Leases(Protocol):
    async def create(
        self, id: str, labels: Mapping[str, str], expire_s: float | None = None
    ) -> Any: ...
    async def delete(self, id: str, *, sync: bool = False) -> None: ...
    async def list(self, *filters: str) -> Sequence[Any]: ...
    async def add_resource(self, id: str, resource: Any) -> None: ...


class Reserve(Protocol):
    def check(self, needed: int = 0) -> None:
        """Raises SystemFailure when so many bytes would leave too little free on the disk."""


class Stores(Protocol):
    """The containerd client, as far as this room uses it."""

    @property
    def content(self) -> Content: ...
    @property
    def images(self) -> ImageStore: ...
    @property
    def snapshots(self) -> Snapshots: ...
    @property
    def diff(self) -> Diff: ...
    @property
    def leases(self) -> Leases: ...


class Member(Protocol):
    """An entry of a tar stream; `kind` is file, directory, symlink, hardlink or other.

    `chunks` may be read once, before the next member is asked for.
    """

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def target(self) -> str: ...
    def chunks(self) -> AsyncGenerator[bytes, None]: ...


class Archives(Protocol):
    """Streams of archives; the readers raise InvalidParameter for a stream that is damaged."""

    def decompressed(self, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """Gzip, bzip2, xz and zstd are taken off; anything else is passed on."""

    def members(self, chunks: AsyncIterator[bytes]) -> AsyncGenerator[Member, None]:
        """The entries of an uncompressed tar stream."""

    def compressed(self, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """Gzip, the same bytes for the same stream."""
