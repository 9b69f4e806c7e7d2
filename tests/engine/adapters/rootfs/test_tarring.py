from __future__ import annotations

import io
import os
import socket
import subprocess
import tarfile
import tempfile
from pathlib import Path

import pytest

from engine.adapters.rootfs.tarring import TarWriter


def packed(parent: Path, name: str, shown: str) -> tarfile.TarFile:
    fd = os.open(parent, os.O_PATH)
    with tempfile.TemporaryFile() as out:
        writer = TarWriter(out.fileno())
        writer.add_tree(fd, name, shown)
        writer.finish()
        out.seek(0)
        data = out.read()
    os.close(fd)
    return tarfile.open(fileobj=io.BytesIO(data))


def test_a_tree_is_written_in_order_with_all_its_kinds(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "b").mkdir(parents=True)
    (tree / "b" / "file").write_bytes(b"x" * 1000)
    os.link(tree / "b" / "file", tree / "c")
    (tree / "a").symlink_to("../anywhere")
    os.mkfifo(tree / "fifo")
    with packed(tmp_path, "tree", "shown") as archive:
        members = archive.getmembers()
        assert [each.name for each in members] == [
            "shown", "shown/a", "shown/b", "shown/b/file", "shown/c", "shown/fifo",
        ]  # fmt: skip
        by_name = {each.name: each for each in members}
        assert by_name["shown/a"].linkname == "../anywhere"
        assert by_name["shown/c"].islnk()
        assert by_name["shown/c"].linkname == "shown/b/file"
        assert by_name["shown/fifo"].isfifo()
        content = archive.extractfile("shown/b/file")
        assert content is not None
        assert content.read() == b"x" * 1000


def test_sockets_stay_out(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "tree" / "s"))
        with packed(tmp_path, "tree", "tree") as archive:
            assert archive.getnames() == ["tree"]


def test_a_symlink_is_never_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("x")
    (tmp_path / "link").symlink_to("outside")
    with packed(tmp_path, "link", "link") as archive:
        assert archive.getnames() == ["link"]
        assert archive.getmember("link").issym()


def test_long_and_odd_names_survive(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    odd = [b"a" * 200, "ü".encode() * 60, b"\xff\xfe", b"new\nline"]
    for name in odd:
        (Path(os.fsdecode(bytes(tree) + b"/" + name))).write_text("x")
    with packed(tmp_path, "tree", "t") as archive:
        assert {os.fsencode(each.name) for each in archive if each.isreg()} == {
            b"t/" + name for name in odd
        }


def test_extended_attributes_of_the_user_go_along(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    os.setxattr(file, "user.note", b"\x00\xff")
    with packed(tmp_path, "file", "file") as archive:
        value = archive.getmember("file").pax_headers["SCHILY.xattr.user.note"]
    assert value.encode("utf-8", "surrogateescape") == b"\x00\xff"


def test_a_tree_deeper_than_pythons_recursion_is_no_problem(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=fd)
        child = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = child
    os.close(fd)
    with packed(tmp_path, "d", "d") as archive:
        assert len(archive.getmembers()) == 1200
    # pytest's own way of removing old directories is recursive.
    subprocess.run(["rm", "-r", tmp_path / "d"], check=True, timeout=30)


def test_what_has_become_another_kind_since_it_was_seen_is_taken_for_gone(tmp_path: Path) -> None:
    (tmp_path / "was").symlink_to("anywhere")
    seen = os.stat(tmp_path / "was", follow_symlinks=False)
    (tmp_path / "was").unlink()
    (tmp_path / "was").mkdir()
    fd = os.open(tmp_path, os.O_PATH)
    with tempfile.TemporaryFile() as out, pytest.raises(FileNotFoundError):
        TarWriter(out.fileno()).add(fd, "was", "was", seen)
    os.close(fd)
