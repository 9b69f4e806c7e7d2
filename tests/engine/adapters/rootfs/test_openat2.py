from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.rootfs.openat2 import make_directories, open_in_root


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "root").mkdir()
    (tmp_path / "outside").mkdir()
    fd = os.open(tmp_path / "root", os.O_PATH)
    yield fd
    os.close(fd)


def test_nothing_leads_out(root: int, tmp_path: Path) -> None:
    (tmp_path / "root" / "out").symlink_to(tmp_path / "outside")
    for path in ("out", "../outside", f"{tmp_path}/outside"):
        with pytest.raises(FileNotFoundError):
            open_in_root(root, path, os.O_PATH)


def test_missing_directories_are_made_inside(root: int, tmp_path: Path) -> None:
    (tmp_path / "root" / "here").mkdir()
    (tmp_path / "root" / "link").symlink_to("/here")
    for path in ("/a/b/c", "/link/d", "/../e", "/"):
        os.close(make_directories(root, path))
    assert (tmp_path / "root" / "a" / "b" / "c").is_dir()
    assert (tmp_path / "root" / "here" / "d").is_dir()
    assert (tmp_path / "root" / "e").is_dir()


def test_a_dangling_symlink_is_no_way_to_make_directories(root: int, tmp_path: Path) -> None:
    (tmp_path / "root" / "out").symlink_to(tmp_path / "outside" / "new")
    with pytest.raises(FileNotFoundError):
        make_directories(root, "/out/x")
    assert not (tmp_path / "outside" / "new").exists()


def test_very_deep_paths_are_made_without_recursion(root: int, tmp_path: Path) -> None:
    os.close(make_directories(root, "/a" * 1500))
    # pytest's own way of removing old directories is recursive.
    subprocess.run(["rm", "-r", tmp_path / "root" / "a"], check=True, timeout=30)
