from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import tarfile

import pytest

from engine.adapters.archive import StreamedArchives
from engine.domain.images.archive import Archive
from engine.domain.images.ingest import Ingest
from engine.errors import InvalidParameter
from tests.fakes.containerd import FakeContainerd
from tests.fakes.image_archives import blob_path, chunks_of, digest_of, tar_of

LARGE = os.urandom(300 << 10)


@pytest.fixture
async def archive(stores: FakeContainerd) -> Archive:
    await stores.leases.create("l", {})
    ingest = Ingest(stores, engine_id="e", snapshotter="overlayfs", lease="l")
    return Archive(StreamedArchives(), stores.content, ingest)


def link(name: str, kind: bytes, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


async def test_small_files_stay_out_of_the_store_until_they_are_wanted(
    archive: Archive, stores: FakeContainerd
) -> None:
    await archive.receive(chunks_of(tar_of({"./a": b"small", "d/b": LARGE})))
    assert list(stores.content.blobs) == [digest_of(LARGE)]
    assert await archive.read("a", 10) == b"small"
    assert await archive.read("d/b", 1 << 20) == LARGE
    blob = await archive.blob("a")
    assert (blob.digest, blob.size, blob.compression) == (digest_of(b"small"), 5, "")
    assert await archive.blob("a") == blob


@pytest.mark.parametrize(
    ("pack", "compression"), [(gzip.compress, "gzip"), (bz2.compress, ""), (lzma.compress, "")]
)
async def test_layer_is_stored_as_containerd_can_read_it(
    archive: Archive, pack: object, compression: str
) -> None:
    assert callable(pack)
    packed = pack(LARGE)
    await archive.receive(chunks_of(tar_of({"l": packed})))
    blob = await archive.blob("l")
    assert blob.compression == compression
    assert blob.digest == digest_of(packed if compression else LARGE)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
async def test_archive_itself_may_be_compressed(archive: Archive, pack: object) -> None:
    assert callable(pack)
    await archive.receive(chunks_of(pack(tar_of({"a": b"x"}))))
    assert await archive.read("a", 10) == b"x"


async def test_links_are_followed_inside_the_archive(archive: Archive) -> None:
    extra = [
        link("b/layer.tar", tarfile.SYMTYPE, "../a/layer.tar"),
        link("c", tarfile.LNKTYPE, "b/layer.tar"),
    ]
    await archive.receive(chunks_of(tar_of({"a/layer.tar": b"x"}, *extra)))
    assert await archive.read("c", 10) == b"x"
    assert archive.has("b/layer.tar")


@pytest.mark.parametrize(
    "extra",
    [
        tarfile.TarInfo("../a"),
        tarfile.TarInfo("/a"),
        tarfile.TarInfo("a/../../b"),
        link("a", tarfile.SYMTYPE, "../b"),
        link("a", tarfile.SYMTYPE, "/etc/passwd"),
        link("a", tarfile.LNKTYPE, "../../b"),
        link("a", tarfile.CHRTYPE, ""),
        link("a", tarfile.FIFOTYPE, ""),
    ],
    ids=lambda each: f"{each.name}-{each.linkname}",
)
async def test_hostile_entry_is_refused(archive: Archive, extra: tarfile.TarInfo) -> None:
    with pytest.raises(InvalidParameter, match="invalid archive"):
        await archive.receive(chunks_of(tar_of({}, extra)))


async def test_links_in_a_circle_are_refused(archive: Archive) -> None:
    extra = [link("a", tarfile.SYMTYPE, "b"), link("b", tarfile.SYMTYPE, "a")]
    await archive.receive(chunks_of(tar_of({}, *extra)))
    with pytest.raises(InvalidParameter, match="too many links"):
        await archive.read("a", 10)


async def test_blob_that_is_not_what_its_name_says_is_refused(
    archive: Archive, stores: FakeContainerd
) -> None:
    name = blob_path(b"something else")
    with pytest.raises(InvalidParameter, match="has digest"):
        await archive.receive(chunks_of(tar_of({name: LARGE})))
    assert not stores.content.blobs
    assert not stores.content.ingests


async def test_missing_file_is_refused(archive: Archive) -> None:
    await archive.receive(chunks_of(tar_of({})))
    with pytest.raises(InvalidParameter, match="open x: no such file"):
        await archive.read("x", 10)
    with pytest.raises(InvalidParameter, match="open x: no such file"):
        await archive.blob("x")


async def test_many_small_files_do_not_pile_up_in_memory(
    archive: Archive, stores: FakeContainerd
) -> None:
    piece = bytes(200 << 10)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for n in range(90):
            info = tarfile.TarInfo(f"f{n}")
            info.size = len(piece)
            tar.addfile(info, io.BytesIO(piece))
    await archive.receive(chunks_of(out.getvalue(), 1 << 16))
    assert hashlib.sha256(piece).hexdigest() in next(iter(stores.content.blobs))
    assert await archive.read("f89", 1 << 20) == piece
