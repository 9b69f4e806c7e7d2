from __future__ import annotations

import gzip
from contextlib import aclosing

from engine.adapters.archive import StreamedArchives
from engine.domain.images.ports import Archives
from tests.fakes.image_archives import chunks_of, tar_of


async def test_compressed_archive_is_read_through_both() -> None:
    archives: Archives = StreamedArchives()
    data = gzip.compress(tar_of({"a": b"1", "b": b"2"}))
    async with (
        aclosing(archives.decompressed(chunks_of(data))) as plain,
        aclosing(archives.members(plain)) as members,
    ):
        assert [member.name async for member in members] == ["a", "b"]
