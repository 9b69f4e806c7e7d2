from __future__ import annotations

import bz2
import gzip
import lzma
import os
from collections.abc import Callable

import pytest
import zstandard

from engine.adapters.archive.compression import compressed, decompressed, sniff
from engine.errors import InvalidParameter
from tests.fakes.image_archives import chunks_of

PLAIN = b"some text " * 100_000 + os.urandom(10_000)
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard.compress,
}


async def read(data: bytes, size: int = 4096) -> bytes:
    return b"".join([piece async for piece in decompressed(chunks_of(data, size))])


@pytest.mark.parametrize("kind", COMPRESSORS)
@pytest.mark.parametrize("size", [1000, 65536])
async def test_compressed_stream_comes_out_plain(kind: str, size: int) -> None:
    data = COMPRESSORS[kind](PLAIN)
    assert sniff(data) == kind
    assert await read(data, size) == PLAIN


@pytest.mark.parametrize("kind", COMPRESSORS)
async def test_members_one_after_the_other_are_one_stream(kind: str) -> None:
    data = COMPRESSORS[kind](PLAIN) + COMPRESSORS[kind](b"and more")
    assert await read(data, 999) == PLAIN + b"and more"


@pytest.mark.parametrize("kind", COMPRESSORS)
async def test_truncated_stream_is_refused(kind: str) -> None:
    with pytest.raises(InvalidParameter, match="Error processing tar file"):
        await read(COMPRESSORS[kind](PLAIN)[:-20])


async def test_damaged_stream_is_refused() -> None:
    data = bytearray(gzip.compress(PLAIN))
    data[200:300] = bytes(100)
    with pytest.raises(InvalidParameter, match="invalid compressed data"):
        await read(bytes(data))


async def test_padding_after_the_last_member_is_passed_over() -> None:
    assert await read(gzip.compress(PLAIN) + bytes(1024)) == PLAIN


@pytest.mark.parametrize("data", [b"", b"x", b"plain text", b"\x1f"])
async def test_anything_else_is_passed_on(data: bytes) -> None:
    assert await read(data, 1) == data


async def test_bomb_comes_in_bounded_pieces() -> None:
    bomb = gzip.compress(bytes(64 << 20))
    async for piece in decompressed(chunks_of(bomb, len(bomb))):
        assert len(piece) <= 1 << 20


async def test_stream_is_compressed_to_the_same_bytes_each_time() -> None:
    first = b"".join([piece async for piece in compressed(chunks_of(PLAIN))])
    assert gzip.decompress(first) == PLAIN
    assert b"".join([piece async for piece in compressed(chunks_of(PLAIN))]) == first
