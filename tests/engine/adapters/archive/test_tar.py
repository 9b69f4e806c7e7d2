from __future__ import annotations

import io
import tarfile
from contextlib import aclosing

import pytest

from engine.adapters.archive.tar import members
from engine.errors import InvalidParameter
from tests.fakes.image_archives import chunks_of, tar_of


async def names_and_data(data: bytes, size: int = 700) -> list[tuple[str, str, bytes, str]]:
    found = []
    async with aclosing(members(chunks_of(data, size))) as entries:
        async for entry in entries:
            content = b"".join([piece async for piece in entry.chunks()])
            found.append((entry.name, entry.kind, content, entry.target))
    return found


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


async def test_files_links_and_devices_are_told_apart() -> None:
    data = tar_of(
        {"a": b"1", "b/c": b"x" * 2000},
        special("d", tarfile.DIRTYPE),
        special("s", tarfile.SYMTYPE, "../a"),
        special("h", tarfile.LNKTYPE, "a"),
        special("n", tarfile.CHRTYPE),
        special("p", tarfile.FIFOTYPE),
    )
    assert await names_and_data(data) == [
        ("a", "file", b"1", ""),
        ("b/c", "file", b"x" * 2000, ""),
        ("d", "directory", b"", ""),
        ("s", "symlink", b"", "../a"),
        ("h", "hardlink", b"", "a"),
        ("n", "other", b"", ""),
        ("p", "other", b"", ""),
    ]


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
async def test_long_and_foreign_names_survive(form: int) -> None:
    name = "long/" * 60 + "ünï"
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        info = tarfile.TarInfo(name)
        info.size = 3
        archive.addfile(info, io.BytesIO(b"abc"))
        archive.addfile(special("link", tarfile.SYMTYPE, name))
    assert await names_and_data(out.getvalue(), 100) == [
        (name, "file", b"abc", ""),
        ("link", "symlink", b"", name),
    ]


async def test_unread_entries_are_passed_over() -> None:
    data = tar_of({"a": b"x" * 5000, "b": b"y"})
    async with aclosing(members(chunks_of(data))) as entries:
        assert [entry.name async for entry in entries] == ["a", "b"]


async def test_what_follows_the_end_mark_is_read_so_that_the_client_can_finish() -> None:
    source = chunks_of(tar_of({"a": b"1"}) + bytes(100_000))
    assert [entry.name async for entry in members(source)] == ["a"]
    assert await anext(source, None) is None


@pytest.mark.parametrize("data", [b"garbage", b"garbage" * 200, tar_of({"a": b"x" * 5000})[:3000]])
async def test_what_is_no_tar_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidParameter, match="Error processing tar file"):
        await names_and_data(data)


async def test_empty_stream_has_no_entries() -> None:
    assert await names_and_data(b"") == []


async def test_oversized_extension_header_is_refused() -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = b"L", 1 << 30
    with pytest.raises(InvalidParameter, match="extended header too large"):
        await names_and_data(info.tobuf() + bytes(2000))
