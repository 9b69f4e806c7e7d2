"""A tar stream's entries, read in order, with tarfile's own header parser and no file ever made."""

from __future__ import annotations

import io
import tarfile
from collections.abc import AsyncGenerator, AsyncIterator

from engine.errors import InvalidParameter

__all__ = ["Entry", "members"]

_BLOCK = 512
# pax and GNU long-name payloads; far above any path that a kernel takes.
_EXTENSION_LIMIT = 1 << 20
_EXTENSIONS = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, b"L", b"K")
_KINDS = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.CONTTYPE: "file",
    tarfile.DIRTYPE: "directory",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hardlink",
}


class _Bytes:
    """A cursor over an iterator of chunks."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._held = memoryview(b"")

    async def some(self, limit: int) -> bytes:
        """Up to `limit` bytes without copying twice; b"" at the end."""
        while not self._held:
            chunk = await anext(self._chunks, None)
            if chunk is None:
                return b""
            self._held = memoryview(chunk)
        piece, self._held = self._held[:limit], self._held[limit:]
        return bytes(piece)

    async def exactly(self, size: int) -> bytes:
        parts = []
        while size:
            piece = await self.some(size)
            if not piece:
                raise _damaged("unexpected EOF")
            parts.append(piece)
            size -= len(piece)
        return b"".join(parts)

    async def skip(self, size: int) -> None:
        while size:
            piece = await self.some(size)
            if not piece:
                raise _damaged("unexpected EOF")
            size -= len(piece)

    async def drain(self) -> None:
        self._held = memoryview(b"")
        async for _ in self._chunks:
            pass


class Entry:
    """One member of a tar stream."""

    def __init__(self, info: tarfile.TarInfo, source: _Bytes) -> None:
        self.name = info.name
        self.kind = _KINDS.get(info.type, "other")
        self.target = info.linkname
        # Only files carry data, whatever size a hostile header states.
        self.size = info.size if self.kind == "file" else 0
        self._left = self.size
        self._source = source

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        while self._left:
            piece = await self._source.some(self._left)
            if not piece:
                raise _damaged("unexpected EOF")
            self._left -= len(piece)
            yield piece

    async def finish(self) -> None:
        """Go to the next header, over whatever was not read."""
        await self._source.skip(self._left + -self.size % _BLOCK)
        self._left = 0


async def members(chunks: AsyncIterator[bytes]) -> AsyncGenerator[Entry, None]:
    """Entries up to the end mark or the end; raises InvalidParameter for what is no tar."""
    source = _Bytes(chunks)
    while (info := await _header(source)) is not None:
        entry = Entry(info, source)
        yield entry
        await entry.finish()
    await source.drain()


async def _header(source: _Bytes) -> tarfile.TarInfo | None:
    extensions = b""
    while True:
        first = await source.some(_BLOCK)
        if not first and not extensions:
            return None
        block = first + await source.exactly(_BLOCK - len(first))
        if not extensions and block.count(0) == _BLOCK:
            return None
        info = _parse(block)
        if info.type == tarfile.XGLTYPE:
            await source.skip(info.size + -info.size % _BLOCK)
        elif info.type in _EXTENSIONS:
            if info.size > _EXTENSION_LIMIT or len(extensions) > 2 * _EXTENSION_LIMIT:
                raise _damaged("extended header too large")
            extensions += block + await source.exactly(info.size + -info.size % _BLOCK)
        else:
            return _extended(extensions + block) if extensions else info


def _parse(block: bytes) -> tarfile.TarInfo:
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise _damaged(f"invalid tar header: {error}") from error
    return _checked(info)


def _extended(blocks: bytes) -> tarfile.TarInfo:
    """Let tarfile put long names, pax sizes and so on together."""
    try:
        with tarfile.open(fileobj=io.BytesIO(blocks), mode="r:", errorlevel=2) as archive:
            info = archive.firstmember  # type: ignore[attr-defined]
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise _damaged(f"invalid tar header: {error}") from error
    if info is None:
        raise _damaged("invalid tar header")
    return _checked(info)


def _checked(info: tarfile.TarInfo) -> tarfile.TarInfo:
    if info.type == tarfile.GNUTYPE_SPARSE or info.sparse is not None:
        raise _damaged(f"sparse entry {info.name!r}")
    if info.size < 0:
        raise _damaged(f"invalid size of {info.name!r}")
    return info


def _damaged(reason: str) -> InvalidParameter:
    """The text that dockerd's untar child gives."""
    return InvalidParameter(f"Error processing tar file(exit status 1): {reason}")
