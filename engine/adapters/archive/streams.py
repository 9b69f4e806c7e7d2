"""The port of both readers, for rooms that take archives from clients."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from engine.adapters.archive.compression import compressed, decompressed
from engine.adapters.archive.tar import Entry, members

__all__ = ["StreamedArchives"]


class StreamedArchives:
    def decompressed(self, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        return decompressed(chunks)

    def compressed(self, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        return compressed(chunks)

    def members(self, chunks: AsyncIterator[bytes]) -> AsyncGenerator[Entry, None]:
        return members(chunks)
