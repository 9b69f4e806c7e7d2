from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.rootfs.mounting import unmount
from engine.adapters.volumes.mounts import (
    bind_inside,
    is_mounted,
    mount_volume,
    mounts_at_or_below,
    release_point,
)
from engine.errors import SystemFailure

pytestmark = pytest.mark.integration


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    yield tmp_path
    for point in mounts_at_or_below(str(tmp_path)):
        unmount(point)


def test_tmpfs_is_mounted_with_its_options(place: Path) -> None:
    target = place / "a b"
    target.mkdir()
    options = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m,uid=1000,nosuid"}
    mount_volume(str(target), options)
    assert target.stat().st_uid == 1000
    assert os.statvfs(target).f_flag & os.ST_NOSUID
    assert mounts_at_or_below(str(place)) == [str(target)]


def test_bind_is_read_only_when_it_says_so(place: Path) -> None:
    for name in ("source", "target"):
        (place / name).mkdir()
    options = {"type": "none", "device": str(place / "source"), "o": "bind,ro"}
    mount_volume(str(place / "target"), options)
    with pytest.raises(OSError, match="Read-only"):
        (place / "target" / "f").write_text("x")


def test_refusal_has_dockerds_text(place: Path) -> None:
    options = {"type": "none", "device": "/nosuch", "o": "bind"}
    with pytest.raises(SystemFailure) as refusal:
        mount_volume(str(place), options)
    assert str(refusal.value) == (
        f"failed to mount local volume: mount /nosuch:{place}, flags: 0x1000: "
        "no such file or directory"
    )


def test_part_of_a_volume_is_bound_and_let_go(place: Path) -> None:
    root, point = place / "vol", place / "points" / "c1" / "0"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "f").write_text("x")
    bind_inside(str(root), "sub", str(point))
    assert (point / "f").read_text() == "x"
    bind_inside(str(root), "sub/f", str(point))  # another start, after a crash
    assert point.read_text() == "x"
    release_point(str(point))
    release_point(str(point))
    assert not is_mounted(str(point))
    assert not point.parent.exists()


def test_part_that_leads_out_is_not_bound(place: Path) -> None:
    root, point = place / "vol", place / "point"
    root.mkdir()
    (place / "secret").mkdir()
    (root / "out").symlink_to("../secret")
    (root / "abs").symlink_to(place / "secret")
    for path in ("out", "abs", "../secret", "missing"):
        with pytest.raises(SystemFailure, match=r"^cannot access path .*: no such file"):
            bind_inside(str(root), path, str(point))
    assert not point.exists()
