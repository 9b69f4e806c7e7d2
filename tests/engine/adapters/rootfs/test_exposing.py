"""Images where others see them: real overlays in a mount namespace's private part of the tests' directory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.rootfs.exposing import expose
from engine.adapters.rootfs.syscalls import mount, unmount
from engine.errors import SystemFailure
from engine.models.runtime import Mount

pytestmark = pytest.mark.integration


class Rig:
    """Two layers on a tmpfs; an overlay cannot lie on every file system."""

    def __init__(self, base: Path) -> None:
        self.base = base
        for name in ("upper", "top/etc", "bottom/etc"):
            (base / name).mkdir(parents=True)
        (base / "top/etc/one").write_text("of the top")
        (base / "bottom/etc/one").write_text("covered")
        (base / "bottom/two").write_text("of the bottom")
        (base / "top").chmod(0o750)
        os.chown(base / "top", 7, 8)
        lowers = f"lowerdir={base}/top:{base}/bottom"
        options = (f"upperdir={base}/upper", f"workdir={base}/w", lowers)
        self.layers = [Mount("overlay", "overlay", options=options)]
        self.own, self.point = base / "own", base / "point"

    def expose(self, subpath: str = "") -> None:
        expose(self.layers, self.own, subpath, str(self.point))

    def conceal(self) -> None:
        while os.path.ismount(self.point):
            unmount(str(self.point))


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    mount("tmpfs", str(tmp_path), "tmpfs", 0)
    made = Rig(tmp_path)
    try:
        yield made
    finally:
        made.conceal()
        unmount(str(tmp_path))


def test_image_is_seen_whole_with_its_roots_owner_and_mode(rig: Rig) -> None:
    rig.expose()
    assert (rig.point / "etc/one").read_text() == "of the top"
    assert (rig.point / "two").read_text() == "of the bottom"
    found = rig.point.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (7, 8, 0o750)


def test_what_is_written_stays_beside_and_is_there_again(rig: Rig) -> None:
    rig.expose()
    (rig.point / "etc/one").write_text("changed")
    rig.conceal()
    assert (rig.base / "top/etc/one").read_text() == "of the top"
    rig.expose()
    assert (rig.point / "etc/one").read_text() == "changed"
    assert (rig.own / "diff/etc/one").read_text() == "changed"


@pytest.mark.parametrize("path", ["etc", "../../etc"])
def test_part_is_all_that_is_seen_and_never_the_hosts(rig: Rig, path: str) -> None:
    rig.expose(path)
    assert os.listdir(rig.point) == ["one"]


@pytest.mark.parametrize("wrong", ["nosuch", "two"])
def test_part_that_is_no_directory_inside_leaves_nothing_mounted(rig: Rig, wrong: str) -> None:
    with pytest.raises(SystemFailure, match=f"cannot access path {wrong}: "):
        rig.expose(wrong)
    assert not os.path.ismount(rig.point)
