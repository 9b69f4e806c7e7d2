from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.adapters.rootfs.rootfs import DIRECTORIES, FILES, HostRootFS
from engine.models.runtime import Mount

pytestmark = pytest.mark.integration


class Rig:
    def __init__(self, base: Path) -> None:
        self.root = base / "root"
        scratch = base / "scratch"
        for each in (self.root, scratch):
            each.mkdir()
        self.mounts = [Mount("bind", str(self.root), options=("rbind", "rw"))]
        self.rootfs = HostRootFS(scratch)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_files_are_read_and_missing_ones_are_empty(rig: Rig) -> None:
    (rig.root / "etc").mkdir()
    (rig.root / "etc" / "passwd").write_text("root")
    found = await rig.rootfs.read(rig.mounts, "etc/passwd", "etc/group", "etc")
    assert found == [b"root", b"", b""]


async def test_links_are_resolved_inside_the_root(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the host's")
    (rig.root / "etc").mkdir()
    (rig.root / "real").write_text("inside")
    (rig.root / "etc" / "passwd").symlink_to("/real")
    (rig.root / "etc" / "group").symlink_to(tmp_path / "secret")
    (rig.root / "etc" / "up").symlink_to("../../../../../../real")
    found = await rig.rootfs.read(rig.mounts, "etc/passwd", "etc/group", "etc/up")
    assert found == [b"inside", b"", b"inside"]


async def test_fifo_in_a_files_place_blocks_nobody(rig: Rig) -> None:
    os.mkfifo(rig.root / "passwd")
    assert await rig.rootfs.read(rig.mounts, "passwd") == [b""]


async def test_root_of_a_running_process_is_read(rig: Rig) -> None:
    (found,) = await rig.rootfs.read_running(os.getpid(), "proc/self/comm")
    assert found
    assert await rig.rootfs.read_running(os.getpid(), "nosuch/file") == [b""]


async def test_skeleton_is_made_as_dockerds_init_layer(rig: Rig) -> None:
    await rig.rootfs.populate_init(rig.mounts)
    assert all((rig.root / path).is_dir() for path, _ in DIRECTORIES)
    assert all((rig.root / path).is_file() for path in FILES)
    assert os.readlink(rig.root / "etc" / "mtab") == "/proc/mounts"


async def test_what_the_image_has_is_left_as_it_is(rig: Rig, tmp_path: Path) -> None:
    (rig.root / "etc").mkdir()
    (rig.root / "etc" / "hosts").write_text("own")
    (rig.root / "proc").symlink_to("/elsewhere")
    (rig.root / "etc" / "mtab").write_text("own")
    await rig.rootfs.populate_init(rig.mounts)
    await rig.rootfs.populate_init(rig.mounts)
    assert (rig.root / "etc" / "hosts").read_text() == "own"
    assert (rig.root / "etc" / "mtab").read_text() == "own"
    assert (rig.root / "proc").is_symlink()


@pytest.mark.parametrize("odd", ["file", "dangling"])
async def test_image_whose_etc_is_no_directory_can_be_used(rig: Rig, odd: str) -> None:
    if odd == "file":
        (rig.root / "etc").touch()
    else:
        (rig.root / "etc").symlink_to("/nowhere")
    await rig.rootfs.populate_init(rig.mounts)
    assert (rig.root / ".dockerenv").is_file()
