from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.builds.trees import DiskTree
from engine.errors import InvalidParameter, NotFound


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[DiskTree]:
    root = tmp_path / "root"
    (root / "d").mkdir(parents=True)
    (root / "a.txt").write_text("a")
    (root / "b.txt").write_text("b")
    (root / "d" / "c").write_text("c")
    (root / "d" / "broken").symlink_to("nowhere")
    (root / "in").symlink_to("/a.txt")
    (root / "out").symlink_to("../secret")
    (tmp_path / "secret").write_text("s")
    fd = os.open(root, os.O_RDONLY)
    yield DiskTree(fd, context=True)
    os.close(fd)


async def test_files_directories_and_patterns_are_picked(tree: DiskTree) -> None:
    (file,) = await tree.pick("./a.txt")
    assert file.path == "a.txt"
    assert file.hash.startswith("file:")
    (directory,) = await tree.pick("/d")
    assert directory.hash.startswith("dir:")
    assert [each.path for each in await tree.pick("*.txt")] == ["a.txt", "b.txt"]
    assert await tree.pick("*.nope") == ()
    assert await tree.pick("[") == ()


async def test_links_are_followed_inside_and_never_out(tree: DiskTree) -> None:
    assert (await tree.pick("in"))[0].hash == (await tree.pick("a.txt"))[0].hash
    with pytest.raises(NotFound, match="file not found in build context"):
        await tree.pick("out")
    with pytest.raises(
        InvalidParameter, match=r"forbidden path outside the build context: \.\./secret"
    ):
        await tree.pick("../secret")


async def test_what_is_missing_is_named(tree: DiskTree) -> None:
    with pytest.raises(NotFound, match=r"excluded by .dockerignore: stat x/y: file does not exist"):
        await tree.pick("x/y")


async def test_files_are_read_added_and_removed(tree: DiskTree) -> None:
    assert await tree.read("in", 10) == b"a"
    with pytest.raises(InvalidParameter, match="larger than 0 bytes"):
        await tree.read("a.txt", 0)
    with pytest.raises(InvalidParameter, match="is a directory"):
        await tree.read("d", 10)
    with pytest.raises(NotFound):
        await tree.read("nope", 10)
    picked = await tree.add("new", b"x")
    assert picked.whole
    assert await tree.read("new", 10) == b"x"
    await tree.remove("new")
    await tree.remove("nope/nope")
    with pytest.raises(NotFound):
        await tree.read("new", 10)
