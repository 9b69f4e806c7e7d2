from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest

from engine.adapters.builds.workshop import HostWorkshop
from engine.domain.builds.ports import Order
from engine.errors import InvalidParameter, NotImplementedHere, SystemFailure
from engine.models.runtime import Mount


def tar(**files: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


async def chunks(data: bytes) -> AsyncGenerator[bytes, None]:
    for start in range(0, len(data), 1000):
        yield data[start : start + 1000]


@pytest.fixture
def workshop(tmp_path: Path) -> HostWorkshop:
    for name in ("files", "scratch"):
        (tmp_path / name).mkdir()
    return HostWorkshop(tmp_path / "files", tmp_path / "scratch", limit=100_000)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
async def test_contexts_come_packed_or_not(
    workshop: HostWorkshop, pack: Callable[[bytes], bytes]
) -> None:
    async with workshop.receive("a", chunks(pack(tar(f=b"hi\n")))) as tree:
        assert await tree.read("f", 10) == b"hi\n"
        (picked,) = await tree.pick("f")
        assert (
            picked.hash == "file:8582af4daeaf0680f84231b3cb3c1b3f178576b5a6a8982837583d5676f28428"
        )
    assert await workshop.left_over() == ["a"]
    await workshop.discard("a")
    assert await workshop.left_over() == []


async def test_a_bomb_meets_a_limit(workshop: HostWorkshop) -> None:
    with pytest.raises(InvalidParameter, match="the build context comes to more than 100000 bytes"):
        async with (
            aclosing(chunks(gzip.compress(tar(f=bytes(1_000_000))))) as data,
            workshop.receive("a", data),
        ):
            pass


class Full:
    """A disk that has less than the reserve from some bytes on."""

    def __init__(self, room: int) -> None:
        self.room = room

    def check(self, needed: int = 0) -> None:
        self.room -= needed
        if self.room < 0:
            raise SystemFailure("not enough disk space")


async def test_the_reserve_of_the_disk_is_kept(tmp_path: Path) -> None:
    for name in ("files", "scratch"):
        (tmp_path / name).mkdir()
    made = HostWorkshop(tmp_path / "files", tmp_path / "scratch", reserve=Full(20_000))
    with pytest.raises(SystemFailure, match="not enough disk space"):
        async with (
            aclosing(chunks(gzip.compress(tar(f=bytes(1_000_000))))) as data,
            made.receive("a", data),
        ):
            pass


async def test_what_an_add_finds_meets_the_limit(workshop: HostWorkshop, tmp_path: Path) -> None:
    (tmp_path / "layer").mkdir()
    mounts = [Mount("bind", str(tmp_path / "layer"), options=("rbind", "rw"))]
    async with workshop.directory("a", "x") as (_, tree), aclosing(chunks(bytes(200_000))) as data:
        with pytest.raises(InvalidParameter, match="a download comes to more than 100000 bytes"):
            await tree.store("f", data, 0)
        bomb = await tree.add("bomb", gzip.compress(tar(f=bytes(1_000_000))))
        picked = [msgspec.structs.replace(bomb, whole=False)]
        with pytest.raises(InvalidParameter, match="an archive comes to more than 100000 bytes"):
            await workshop.copy(tree, picked, mounts, Order(target="/", unpack=True))


@pytest.mark.parametrize("data", [b"no tar at all" * 100, tar(f=bytes(9000))[:5000]])
async def test_what_is_damaged_is_refused(workshop: HostWorkshop, data: bytes) -> None:
    with pytest.raises(InvalidParameter, match="Error processing tar file"):
        async with workshop.receive("a", chunks(data)):
            pass


async def test_a_directory_is_a_tree_of_our_own(workshop: HostWorkshop) -> None:
    async with workshop.directory("a", "x") as (path, tree):
        await tree.add("f", b"1")
        assert (Path(path) / "f").read_bytes() == b"1"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
async def test_a_first_layer_is_filled_moved_and_packed(
    workshop: HostWorkshop, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = (
        [Mount("bind", str(tmp_path / name), options=("rbind", "rw"))] for name in ("one", "two")
    )
    async with workshop.receive("a", chunks(tar(f=b"1"))) as tree:
        await workshop.copy(tree, await tree.pick("f"), one, Order(target="/d/"))
    await workshop.make_directory(one, "/w/x")
    await workshop.move(one, two)
    assert list((tmp_path / "one").iterdir()) == []
    data = b"".join([each async for each in workshop.layer(two)])
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getnames() == ["d", "d/f", "w", "w/x"]
    async with workshop.root(two) as tree:
        assert await tree.read("d/f", 10) == b"1"


async def test_other_snapshotters_layers_are_not_known(tmp_path: Path) -> None:
    made = HostWorkshop(tmp_path, tmp_path, snapshotter="native")
    with pytest.raises(NotImplementedHere):
        await made.move([Mount("bind", "/a")], [Mount("bind", "/b")])


async def test_programs_may_be_run_by_anybody(workshop: HostWorkshop) -> None:
    directory = await workshop.program("a", "script-1", "EOF", b"#!/bin/sh\n")
    for path, mode in ((directory, 0o40755), (f"{directory}/EOF", 0o100755)):
        assert os.stat(path).st_mode == mode
    await workshop.discard("a")
    assert await workshop.left_over() == []
