"""Volumes on the real host: the contract, copy-up from a mounted root, deadlines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.rootfs.mounting import unmount
from engine.adapters.volumes.disk import HostDisk
from engine.adapters.volumes.filling import FILLING
from engine.adapters.volumes.mounts import mounts_at_or_below
from engine.domain.volumes.ports import NotADirectory
from engine.errors import SystemFailure
from engine.models.runtime import Mount
from tests.contracts.volume_disks import CHECKS, Bench, Check

pytestmark = pytest.mark.integration


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    for name in ("volumes", "scratch"):
        (tmp_path / name).mkdir()
    yield tmp_path
    for point in mounts_at_or_below(str(tmp_path)):
        unmount(point)


@pytest.fixture
def disk(place: Path) -> HostDisk:
    return HostDisk(place / "volumes", place / "scratch")


@pytest.fixture
def root(place: Path) -> list[Mount]:
    """A root file system with /data, to be bound."""
    data = place / "root" / "data"
    data.mkdir(parents=True)
    (data / "f").write_text("hello")
    os.chown(data, 1000, 1001)
    return [Mount("bind", str(place / "root"), "", ("rbind", "ro"))]


@pytest.mark.parametrize("check", CHECKS, ids=lambda each: each.__name__)
async def test_host_keeps_the_contract(check: Check, disk: HostDisk) -> None:
    def put(name: str, file: str, data: bytes) -> None:
        Path(disk.mountpoint(name), file).write_bytes(data)

    await check(Bench(disk, put, lambda name: set(os.listdir(disk.mountpoint(name)))))


async def test_copy_up_takes_the_owner_too(disk: HostDisk, root: list[Mount]) -> None:
    await disk.make("vol")
    await disk.fill("vol", "", root, "/data", mounted=False)
    found = os.stat(disk.mountpoint("vol"))
    assert (found.st_uid, found.st_gid) == (1000, 1001)
    assert os.listdir(disk.mountpoint("vol")) == ["f"]
    await disk.make("other")
    with pytest.raises(NotADirectory):
        await disk.fill("other", "", root, "/data/f", mounted=False)


async def test_copy_up_into_a_mount_and_into_a_part(disk: HostDisk, root: list[Mount]) -> None:
    await disk.make("ram")
    await disk.mount("ram", {"type": "tmpfs", "device": "tmpfs"})
    await disk.fill("ram", "", root, "/data", mounted=True)
    assert os.listdir(disk.mountpoint("ram")) == ["f"]
    await disk.make("vol")
    (Path(disk.mountpoint("vol")) / "part").mkdir()
    await disk.fill("vol", "part", root, "/data", mounted=False)
    await disk.fill("vol", "missing", root, "/data", mounted=False)
    assert os.listdir(Path(disk.mountpoint("vol")) / "part") == ["f"]


async def test_copy_that_a_crash_cut_is_undone_at_the_start(disk: HostDisk, place: Path) -> None:
    await disk.make("vol")
    (place / "volumes" / "vol" / FILLING).mkdir()
    await disk.survey()
    assert os.listdir(place / "volumes" / "vol") == ["_data"]


async def test_what_is_mounted_below_a_volume_is_never_deleted(disk: HostDisk, place: Path) -> None:
    (place / "precious").mkdir()
    (place / "precious" / "f").write_text("x")
    await disk.make("vol")
    bind = {"type": "none", "device": str(place / "precious"), "o": "bind"}
    await disk.mount("vol", bind)
    with pytest.raises(SystemFailure, match="busy"):
        await disk.stow("vol")
    assert (place / "precious" / "f").exists()
