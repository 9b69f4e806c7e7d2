from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from engine.adapters.rootfs.syscalls import MS_BIND, mount, open_tree, unmount


def test_refusals_are_os_errors_with_their_number(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nosuch") as refusal:
        mount("none", str(tmp_path / "nosuch"), "tmpfs", 0)
    assert refusal.value.errno in (errno.ENOENT, errno.EPERM)
    with pytest.raises(OSError, match="nosuch"):
        unmount(str(tmp_path / "nosuch"))
    with pytest.raises(OSError, match="nosuch"):
        open_tree(str(tmp_path / "nosuch"), recursive=True)


@pytest.mark.integration
def test_copy_of_a_mount_stays_when_the_mount_has_gone(tmp_path: Path) -> None:
    source, point = tmp_path / "source", tmp_path / "point"
    for each in (source, point):
        each.mkdir()
    (source / "file").touch()
    mount(str(source), str(point), "none", MS_BIND)
    try:
        fd = open_tree(str(point), recursive=False)
    finally:
        unmount(str(point))
    assert list(point.iterdir()) == []
    assert os.listdir(f"/proc/self/fd/{fd}") == ["file"]
    os.close(fd)
