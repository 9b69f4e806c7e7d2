"""Taking gzip, bzip2, xz or zstd off a stream, told by its first bytes, and putting gzip on; in threads."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Protocol

import trio
import zstandard

from engine.errors import InvalidParameter

__all__ = ["MAGIC", "compressed", "decompressed", "sniff"]

MAGIC = {"gzip": b"\x1f\x8b", "bzip2": b"BZh", "xz": b"\xfd7zXZ\x00", "zstd": b"\x28\xb5\x2f\xfd"}
_LONGEST = 6
# What one call into a worker thread may produce: a bomb is then met by the reader's back-pressure.
_PIECE = 1 << 20
# dockerd's for layers.
_LEVEL = 6


def sniff(head: bytes) -> str:
    """The compression that these first bytes begin, or "" for none that is known."""
    return next((name for name, magic in MAGIC.items() if head.startswith(magic)), "")


async def decompressed(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The stream without its compression, if any; raises InvalidParameter when it is damaged."""
    head = b""
    while len(head) < _LONGEST and (chunk := await anext(chunks, None)) is not None:
        head += chunk
    kind = sniff(head)
    if not kind:
        if head:
            yield head
        async for chunk in chunks:
            yield chunk
        return
    inflater = _Inflater(kind)
    left: bytes | None = head
    while left is not None:
        pieces = inflater.feed(left)
        while piece := await trio.to_thread.run_sync(_next, pieces):
            yield piece
        left = await anext(chunks, None)
    if not inflater.complete:
        raise InvalidParameter("Error processing tar file(exit status 1): unexpected EOF")


async def compressed(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The stream in gzip, without a name or time in it: the same bytes each time."""
    deflater = zlib.compressobj(_LEVEL, wbits=31)
    async for chunk in chunks:
        if piece := await trio.to_thread.run_sync(deflater.compress, chunk):
            yield piece
    yield await trio.to_thread.run_sync(deflater.flush)


def _next(pieces: Iterator[bytes]) -> bytes:
    try:
        return next(pieces, b"")
    except (zlib.error, OSError, EOFError, lzma.LZMAError, zstandard.ZstdError) as error:
        raise InvalidParameter(
            f"Error processing tar file(exit status 1): invalid compressed data: {error}"
        ) from error


class _Decoder(Protocol):
    """One member of a compressed stream."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def run(self, data: bytes) -> Iterator[bytes]: ...


class _Inflater:
    """A stream of one or more members, as `cat a.gz b.gz` makes; what is no member is padding."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._decoder: _Decoder | None = _decoder(kind)
        self._head = b""

    @property
    def complete(self) -> bool:
        return self._decoder is None or self._decoder.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._decoder is None:
                self._head += data
                magic = MAGIC[self._kind]
                if len(self._head) < len(magic):
                    return
                if not self._head.startswith(magic):
                    self._head = b""
                    return
                data, self._head = self._head, b""
                self._decoder = _decoder(self._kind)
            yield from self._decoder.run(data)
            data = b""
            if self._decoder.eof:
                data = self._decoder.unused_data
                self._decoder = None


def _decoder(kind: str) -> _Decoder:
    if kind == "gzip":
        return _Gzip()
    if kind == "zstd":
        return _Zstd()
    return _Bounded(bz2.BZ2Decompressor() if kind == "bzip2" else lzma.LZMADecompressor())


class _Gzip:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def run(self, data: bytes) -> Iterator[bytes]:
        while piece := self._inner.decompress(data, _PIECE):
            yield piece
            data = self._inner.unconsumed_tail


class _Bounded:
    """bz2 and lzma share this interface."""

    def __init__(self, inner: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._inner = inner

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def run(self, data: bytes) -> Iterator[bytes]:
        while piece := self._inner.decompress(data, _PIECE):
            yield piece
            if self._inner.eof:
                return
            data = b""


class _Zstd:
    """zstandard's object knows no output bound: small input pieces bound it instead."""

    _INPUT = 16 << 10

    def __init__(self) -> None:
        self._inner = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
        self._rest = b""

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data + self._rest

    def run(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), self._INPUT):
            if piece := self._inner.decompress(data[start : start + self._INPUT]):
                yield piece
            if self._inner.eof:
                self._rest = data[start + self._INPUT :]
                return
