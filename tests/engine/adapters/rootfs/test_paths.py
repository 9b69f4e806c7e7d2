from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.rootfs.paths import absolute, base, describe, go_mode, link_target, located
from engine.errors import InvalidParameter, NotFound

MISSING = NotFound("missing")


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "file").write_text("abc")
    for name, target in (
        ("rel", "dir"),
        ("abs", "/dir"),
        ("up", "../../../../dir"),
        ("dangling", "nowhere/x"),
        ("loop", "loop"),
    ):
        (tmp_path / name).symlink_to(target)
    fd = os.open(tmp_path, os.O_PATH)
    yield fd
    os.close(fd)


@pytest.mark.parametrize(
    ("path", "clean", "last"),
    [
        ("/a/b", "/a/b", "b"),
        ("a/b/", "/a/b/", "b"),
        ("/a/b/.", "/a/b/.", "."),
        ("/", "/", "/"),
        ("/.", "/.", "."),
        (".", "/.", "."),
        ("../../x", "/x", "x"),
        ("/a/../b", "/b", "b"),
    ],
)
def test_paths_are_cleaned_as_go_does(path: str, clean: str, last: str) -> None:
    assert absolute(path) == clean
    assert base(clean) == last


@pytest.mark.parametrize("path", ["/rel/", "/abs/.", "/up/", "/dir/"])
def test_a_trailing_slash_follows_the_symlink(root: int, path: str) -> None:
    with located(root, path, MISSING) as place:
        assert stat.S_ISDIR(place.stat().st_mode)


@pytest.mark.parametrize("path", ["/rel", "/abs", "/dangling", "/loop"])
def test_a_symlink_at_the_end_is_itself(root: int, path: str) -> None:
    with located(root, path, MISSING) as place:
        assert stat.S_ISLNK(place.stat().st_mode)


@pytest.mark.parametrize("path", ["/nosuch", "/dir/file/x", "/dangling/", "/dir/file/"])
def test_what_is_not_there_is_missing(root: int, path: str) -> None:
    with pytest.raises(NotFound, match="missing"), located(root, path, MISSING):
        pass


def test_symlinks_before_the_end_are_followed_inside_the_root(root: int) -> None:
    with located(root, "/up/file", MISSING) as place:
        found = describe(root, "/up/file", place)
    assert (found.name, found.size, found.link_target) == ("file", 3, "")


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/rel", "/dir"),
        ("/up", "/dir"),
        ("/dangling", "/nowhere/x"),
        ("/rel/file", "/dir/file"),
    ],
)
def test_a_symlinks_target_is_named_from_the_root(root: int, path: str, target: str) -> None:
    assert link_target(root, path) == target


def test_a_symlink_to_itself_has_an_end(root: int) -> None:
    assert link_target(root, "/loop").startswith("/")


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (stat.S_IFREG | 0o644, 0o644),
        (stat.S_IFREG | 0o4755, 1 << 23 | 0o755),
        (stat.S_IFDIR | 0o1777, 1 << 31 | 1 << 20 | 0o777),
        (stat.S_IFLNK | 0o777, 1 << 27 | 0o777),
        (stat.S_IFCHR | 0o600, 1 << 26 | 1 << 21 | 0o600),
        (stat.S_IFBLK | 0o600, 1 << 26 | 0o600),
        (stat.S_IFIFO | 0o600, 1 << 25 | 0o600),
        (stat.S_IFSOCK | 0o2600, 1 << 24 | 1 << 22 | 0o600),
    ],
)
def test_modes_have_gos_bits(mode: int, expected: int) -> None:
    assert go_mode(mode) == expected


@pytest.mark.parametrize("path", ["/" + "x" * 300 + "/file", "/loop/file"])
def test_what_is_no_path_is_the_askers_mistake(root: int, path: str) -> None:
    with pytest.raises(InvalidParameter, match=r"^lstat /"), located(root, path, MISSING):
        pass
