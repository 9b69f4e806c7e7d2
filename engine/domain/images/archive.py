"""An image archive as it comes in: large files go on into the content store, small ones are kept.

Nothing is unpacked onto a disk, so an entry's name is a key and leads nowhere.
"""

from __future__ import annotations

import posixpath
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import msgspec

from engine.domain.images.ingest import Ingest
from engine.domain.images.ports import Archives, Content, Member
from engine.errors import InvalidParameter

__all__ = ["Archive", "Blob"]

_SMALL = 256 << 10
_MEMORY = 16 << 20
_ENTRIES = 100_000
_LINKS = 10
_HEAD = 6
_KEPT_COMPRESSED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


class Blob(msgspec.Struct, frozen=True):
    """A file in the content store; containerd itself takes gzip and zstd off a layer."""

    digest: str
    size: int
    compression: str


class Archive:
    """What an archive holds, by cleaned path."""

    def __init__(self, archives: Archives, content: Content, ingest: Ingest) -> None:
        self._archives = archives
        self._content = content
        self._ingest = ingest
        self._small: dict[str, bytes] = {}
        self._blobs: dict[str, Blob] = {}
        self._links: dict[str, str] = {}
        self._kept = 0

    async def receive(self, chunks: AsyncIterator[bytes]) -> None:
        """Take in the whole stream; raises InvalidParameter for a damaged or hostile one."""
        async with (
            aclosing(self._archives.decompressed(chunks)) as plain,
            aclosing(self._archives.members(plain)) as members,
        ):
            async for member in members:
                await self._take(member)
                if len(self._small) + len(self._blobs) + len(self._links) > _ENTRIES:
                    raise InvalidParameter("invalid archive: too many entries")

    def has(self, path: str) -> bool:
        path = self._followed(path)
        return path in self._small or path in self._blobs

    async def read(self, path: str, limit: int) -> bytes:
        """A whole file; raises InvalidParameter when it is missing or longer than `limit`."""
        found = self._followed(path)
        if (data := self._small.get(found)) is not None:
            return data
        if (blob := self._blobs.get(found)) is not None:
            return await self._content.read_all(blob.digest, limit)
        raise _missing(path)

    async def blob(self, path: str) -> Blob:
        """A file in the content store, put there now if it is a small one."""
        found = self._followed(path)
        if (data := self._small.get(found)) is not None:
            async with aclosing(_one(data)) as chunks:
                self._blobs[found] = await self._store(found, chunks)
            del self._small[found]
        if (blob := self._blobs.get(found)) is not None:
            return blob
        raise _missing(path)

    async def _take(self, member: Member) -> None:
        path = clean(member.name)
        if member.kind == "directory":
            return
        if member.kind == "symlink":
            self._links[path] = _inside(posixpath.join(posixpath.dirname(path), member.target))
        elif member.kind == "hardlink":
            self._links[path] = _inside(member.target)
        elif member.kind != "file":
            raise InvalidParameter(f"invalid archive: {member.name!r} is a special file")
        else:
            await self._take_file(path, member)

    async def _take_file(self, path: str, member: Member) -> None:
        async with aclosing(member.chunks()) as chunks:
            if member.size <= _SMALL and self._kept + member.size <= _MEMORY:
                self._small[path] = b"".join([chunk async for chunk in chunks])
                self._kept += member.size
            else:
                self._blobs[path] = await self._store(path, chunks)

    async def _store(self, path: str, chunks: AsyncIterator[bytes]) -> Blob:
        named = _named_digest(path)
        head = b""
        while len(head) < _HEAD and (chunk := await anext(chunks, None)) is not None:
            head += chunk
        compression = next((name for m, name in _KEPT_COMPRESSED.items() if head.startswith(m)), "")
        async with aclosing(_with_head(head, chunks)) as whole:
            if compression or named:
                return Blob(*await self._ingest.put_stream(whole, expected=named), compression)
            async with aclosing(self._archives.decompressed(whole)) as plain:
                return Blob(*await self._ingest.put_stream(plain), "")

    def _followed(self, path: str) -> str:
        path = clean(path)
        for _ in range(_LINKS):
            if (target := self._links.get(path)) is None:
                return path
            path = target
        raise InvalidParameter(f"invalid archive: too many links at {path!r}")


def clean(name: str) -> str:
    """A path inside the archive; raises InvalidParameter for one that leads out of it."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts:
        raise InvalidParameter(f"invalid archive: {name!r} leads out of it")
    return "/".join(parts)


def _inside(target: str) -> str:
    return clean(posixpath.normpath(target))


def _named_digest(path: str) -> str:
    """The digest that an OCI layout's path promises."""
    parts = path.split("/")
    if len(parts) == 3 and parts[:2] == ["blobs", "sha256"]:
        return f"sha256:{parts[2]}"
    return ""


def _missing(path: str) -> InvalidParameter:
    return InvalidParameter(f"invalid archive: open {path}: no such file or directory")


async def _one(data: bytes) -> AsyncGenerator[bytes, None]:
    yield data


async def _with_head(head: bytes, rest: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    if head:
        yield head
    async for chunk in rest:
        yield chunk
