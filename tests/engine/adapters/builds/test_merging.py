from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.builds.merging import Later, Merge, clear
from engine.adapters.builds.placing import fill_all, place_all
from engine.adapters.builds.trees import DiskTree
from engine.domain.builds.ports import Order, Picked
from engine.errors import SystemFailure

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="owners are root's to give")


class Site:
    """A context and a layer on nothing, whose directory is the root itself."""

    def __init__(self, path: Path) -> None:
        self.source, self.layer = path / "source", path / "layer"
        self.source.mkdir()
        self.layer.mkdir()
        self.tree = DiskTree(os.open(self.source, os.O_RDONLY), context=True)

    def put(self, path: str, text: str = "text", mode: int = 0o644) -> Path:
        place = self.source / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(mode)
        return place

    def copy(self, *paths: str, target: str, chown: str = "") -> None:
        picked = [Picked(path, "") for path in paths]
        later = Later(str(self.layer))
        while picked:
            root = os.open(self.layer, os.O_PATH | os.O_DIRECTORY)
            try:
                order = Order(target=target, chown=chown)
                picked = place_all(self.tree, picked, root, order, later)
            finally:
                os.close(root)
            fill_all(later)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    os.close(made.tree.root)


def same(one: Path, other: Path) -> bool:
    return one.stat().st_ino == other.stat().st_ino


def test_a_file_in_a_new_directory_is_the_contexts_own(site: Site) -> None:
    deep = site.put("d/sub/deep")
    os.utime(site.source / "d/sub", (1000, 1000))
    site.copy("d", target="/t")
    assert same(site.layer / "t/sub/deep", deep)
    assert (site.layer / "t/sub").stat().st_mtime == 1000


def test_no_file_is_in_two_layers(site: Site) -> None:
    deep = site.put("d/f")
    site.copy("d", target="/one")
    site.copy("d", target="/two")
    assert same(site.layer / "one/f", deep)
    assert not same(site.layer / "two/f", deep)
    assert (site.layer / "two/f").read_text() == "text"
    assert (site.layer / "two/f").stat().st_nlink == 1


@pytest.mark.parametrize(
    ("mode", "chown", "wanted"), [(0o644, "5:6", 0o644), (0o4755, "", 0o755), (0o1644, "", 0o1644)]
)
def test_what_the_layer_wants_otherwise_is_copied(
    site: Site, mode: int, chown: str, wanted: int
) -> None:
    place = site.put("d/f", mode=mode)
    before = place.stat()
    site.copy("d", target="/t", chown=chown)
    found = (site.layer / "t/f").stat()
    assert found.st_ino != before.st_ino
    assert found.st_mode & 0o7777 == wanted
    assert (found.st_uid, found.st_gid) == ((5, 6) if chown else (0, 0))
    assert place.stat().st_mode == before.st_mode
    assert place.stat().st_uid == before.st_uid


def test_links_between_files_stay_within_the_copy(site: Site) -> None:
    first = site.put("d/a")
    os.link(first, site.source / "d/b")
    site.copy("d", target="/t")
    assert same(site.layer / "t/a", site.layer / "t/b")
    assert not same(site.layer / "t/a", first)


def test_a_later_source_stands_over_an_earlier_one(site: Site) -> None:
    site.put("one/sub/f", "1")
    site.put("one/sub/kept", "1")
    site.put("two/sub/f", "2")
    site.copy("one", "two", target="/t/")
    assert (site.layer / "t/sub/f").read_text() == "2"
    assert (site.layer / "t/sub/kept").read_text() == "1"


def test_a_directory_that_is_there_is_united_at_once(site: Site) -> None:
    (site.layer / "t").mkdir()
    (site.layer / "t/old").write_text("old")
    site.put("d/f")
    site.put("d/new/f")
    site.copy("d", target="/t")
    assert sorted(each.name for each in (site.layer / "t").iterdir()) == ["f", "new", "old"]
    assert same(site.layer / "t/new/f", site.source / "d/new/f")
    assert not same(site.layer / "t/f", site.source / "d/f")


def test_what_cannot_be_filled_is_told(site: Site) -> None:
    later = Later(str(site.layer))
    later.put(str(site.source / "gone"), "/t", attributes=False)
    with pytest.raises(SystemFailure, match=r"failed to copy files: .*/gone: No such file"):
        fill_all(later)


def test_a_name_is_cleared_but_for_a_directory_that_is_kept(tmp_path: Path) -> None:
    (tmp_path / "d/sub").mkdir(parents=True)
    (tmp_path / "f").write_text("")
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        clear(fd, "d", keep_directory=True)
        assert (tmp_path / "d/sub").is_dir()
        for name in ("d", "f", "missing"):
            clear(fd, name)
        assert list(tmp_path.iterdir()) == []
    finally:
        os.close(fd)


def test_a_tree_of_an_image_keeps_owners(site: Site) -> None:
    os.chown(site.put("d/f"), 7, 8)
    source, target = os.open(site.source / "d", os.O_RDONLY), os.open(site.layer, os.O_RDONLY)
    try:
        Merge(None).children(source, target)
        assert (site.layer / "f").stat().st_uid == 7
    finally:
        os.close(source)
        os.close(target)
