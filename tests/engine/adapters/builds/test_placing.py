from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.adapters.builds.placing import make_directory, owner_of, place_all
from engine.adapters.builds.trees import DiskTree
from engine.domain.builds.ports import Order, Picked
from engine.errors import InvalidParameter, NotFound

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="owners are root's to give")


class Site:
    def __init__(self, path: Path) -> None:
        self.source, self.root = path / "source", path / "root"
        self.source.mkdir()
        self.root.mkdir()
        self.tree = DiskTree(os.open(self.source, os.O_RDONLY), context=True)
        self.fd = os.open(self.root, os.O_PATH | os.O_DIRECTORY)

    def place(self, path: str, target: str, *, whole: bool = False, **order: object) -> None:
        made = Order(target=target, **order)  # type: ignore[arg-type]
        place_all(self.tree, [Picked(path, "", whole)], self.fd, made)

    def close(self) -> None:
        os.close(self.tree.root)
        os.close(self.fd)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


def described(path: Path) -> tuple[int, int, int]:
    found = path.lstat()
    return stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid


def test_a_file_goes_to_its_name_or_into_a_directory(site: Site) -> None:
    (site.source / "f").write_text("1")
    (site.source / "f").chmod(0o640)
    site.place("f", "/a/b")
    site.place("f", "/c/")
    site.place("f", "/c", chown="5:6")
    assert (site.root / "a/b").read_text() == "1"
    assert described(site.root / "c/f") == (0o640, 5, 6)


def test_directories_are_united_and_anything_else_replaced(site: Site) -> None:
    (site.source / "d/sub").mkdir(parents=True)
    (site.source / "d/sub/new").write_text("2")
    (site.source / "d/link").symlink_to("new")
    os.link(site.source / "d/sub/new", site.source / "d/hard")
    os.mkfifo(site.source / "d/fifo")
    (site.root / "t/sub").mkdir(parents=True)
    (site.root / "t/sub/old").write_text("1")
    (site.root / "t/link").mkdir()
    (site.root / "t/hard").write_text("old")
    site.place("d", "/t", chown="7")
    assert sorted(each.name for each in (site.root / "t/sub").iterdir()) == ["new", "old"]
    assert os.readlink(site.root / "t/link") == "new"
    assert (site.root / "t/hard").stat().st_nlink == 2
    assert described(site.root / "t/fifo")[1:] == (7, 7)
    assert described(site.root / "t/sub/old")[1:] == (0, 0)


def test_links_of_the_image_lead_nowhere_else(site: Site, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (site.source / "f").write_text("1")
    (site.root / "l").symlink_to(f"../../{tmp_path.name}/outside")
    (site.root / "m").symlink_to(str(tmp_path / "outside"))
    site.place("f", "/l/x")
    site.place("f", "/m/")
    assert list((tmp_path / "outside").iterdir()) == []


def _tar(*names: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.uid = 9
            archive.addfile(info)
    return out.getvalue()


def test_archives_are_unpacked_where_an_add_finds_them(site: Site) -> None:
    (site.source / "x").write_bytes(_tar("f", "../../out"))
    (site.source / "y").write_bytes(b"\x1f\x8bno")
    site.place("x", "/q/", unpack=True)
    site.place("x", "/whole", unpack=True, whole=True)
    site.place("y", "/y", unpack=True)
    assert sorted(each.name for each in (site.root / "q").iterdir()) == ["f", "out"]
    assert described(site.root / "q/f")[1] == 9
    assert (site.root / "whole").is_file()
    assert (site.root / "y").read_bytes() == b"\x1f\x8bno"


def test_owners_stay_where_they_are_to_be_kept(site: Site) -> None:
    (site.source / "f").write_text("1")
    os.chown(site.source / "f", 3, 4)
    (site.source / "f").chmod(0o4755)
    site.place("f", "/kept", keep=True)
    site.place("f", "/given")
    assert described(site.root / "kept") == (0o4755, 3, 4)
    assert described(site.root / "given") == (0o755, 0, 0)


def test_owners_are_looked_up_in_the_image(site: Site) -> None:
    (site.root / "etc").mkdir()
    (site.root / "etc/passwd").write_text("u:x:11:22::/:\n")
    (site.root / "etc/group").write_text("g:x:33:\n")
    assert owner_of("u:g", site.fd) == (11, 33)
    assert owner_of("", site.fd) == (0, 0)
    with pytest.raises(InvalidParameter, match="can't find gid for group u: no such group: u"):
        owner_of("u", site.fd)
    with pytest.raises(InvalidParameter, match="can't find uid for user x: no such user: x"):
        owner_of("x", site.fd)


@pytest.mark.parametrize(
    ("source", "error"),
    [("f", "lstat /file/x: not a directory"), ("d", "mkdir /file/x: not a directory")],
)
def test_a_file_is_no_directory(site: Site, source: str, error: str) -> None:
    (site.source / "f").write_text("1")
    (site.source / "d").mkdir()
    (site.root / "file").write_text("")
    with pytest.raises(InvalidParameter, match=error):
        site.place(source, "/file/x")


def test_what_has_gone_is_told(site: Site) -> None:
    with pytest.raises(NotFound, match="source path not found: nope"):
        site.place("nope", "/x")


def test_new_directories_are_given_an_owner(site: Site) -> None:
    os.close(make_directory(site.fd, "/a/b", (5, 6)))
    assert described(site.root / "a") == (0o755, 5, 6)
    check: Callable[[], int] = lambda: make_directory(site.fd, "/f/x")  # noqa: E731
    (site.root / "f").write_text("")
    with pytest.raises(InvalidParameter, match="Cannot mkdir: /f/x is not a directory"):
        check()
