from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from engine.adapters.storage.tree import Survey, remove, uploads
from engine.errors import SystemFailure


def whole(root: Path, *mounted: str) -> int:
    found = Survey(root, mounted, lambda: None).units(lambda path: path in ("", "a"))
    return sum(each.bytes for each in found)


def du(root: Path) -> int:
    done = subprocess.run(["du", "-sx", "-B1", str(root)], capture_output=True, check=True)
    return int(done.stdout.split()[0])


def test_sum_is_what_du_says(tmp_path: Path) -> None:
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    (tmp_path / "a" / "file").write_bytes(b"x" * 10_000)
    (tmp_path / "a" / "b" / "c" / "deep").write_bytes(b"x" * 100_000)
    os.link(tmp_path / "a" / "file", tmp_path / "again")
    (tmp_path / "a" / "link").symlink_to("/etc")
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(1 << 30)
    assert whole(tmp_path) == du(tmp_path)


def test_units_are_as_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    (tmp_path / "d" / "e").mkdir(parents=True)
    found = Survey(tmp_path, (), lambda: None).units(lambda path: path in ("", "a"))
    assert sorted(each.path for each in found) == ["", "a", "a/b", "d"]


def test_what_is_mounted_there_is_not_counted(tmp_path: Path) -> None:
    (tmp_path / "a" / "mnt").mkdir(parents=True)
    (tmp_path / "a" / "mnt" / "other").write_bytes(b"x" * 100_000)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "other").write_bytes(b"x" * 100_000)
    assert whole(tmp_path, f"{tmp_path}/a/mnt", f"{tmp_path}/d") < 50_000


def test_what_vanishes_meanwhile_counts_nothing(tmp_path: Path) -> None:
    (tmp_path / "d" / "e").mkdir(parents=True)

    def pause() -> None:
        if (tmp_path / "d" / "e").exists():
            (tmp_path / "d" / "e").rmdir()

    assert Survey(tmp_path, (), pause).units(lambda path: path == "")


def test_uploads_are_known_by_their_reference(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "ref").write_text("trimaran/12/trimaran-pull/x")
    (tmp_path / "half").mkdir()
    assert uploads(tmp_path) == {"one": "trimaran-pull/x"}
    assert uploads(tmp_path / "none") == {}


def test_tree_is_removed_and_a_link_is_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "tmp" / "a" / "b").mkdir(parents=True)
    (tmp_path / "precious").mkdir()
    (root / "tmp" / "a" / "link").symlink_to(tmp_path / "precious")
    (root / "tmp" / "out").symlink_to(tmp_path / "precious")
    remove(root, "tmp/a")
    remove(root, "tmp/out")
    remove(root, "tmp/out")
    assert os.listdir(root / "tmp") == []
    assert (tmp_path / "precious").is_dir()


@pytest.mark.parametrize("path", ["", "../x", "out/x", "/x"])
def test_nothing_beside_the_root_is_removed(tmp_path: Path, path: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "x").write_text("")
    (root / "out").symlink_to(tmp_path)
    with pytest.raises(SystemFailure, match="is not below"):
        remove(root, path)
    assert (tmp_path / "x").exists()


def test_directory_with_a_mount_in_it_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp" / "a").mkdir(parents=True)
    monkeypatch.setattr("engine.adapters.storage.tree.mounts_at_or_below", lambda path: [path])
    with pytest.raises(SystemFailure, match="device or resource busy"):
        remove(tmp_path, "tmp/a")
    assert (tmp_path / "tmp" / "a").exists()
