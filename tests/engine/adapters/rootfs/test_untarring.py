from __future__ import annotations

import io
import os
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.adapters.rootfs.untarring import unpack
from engine.errors import InvalidParameter
from engine.models.files import Extraction

OWN = Extraction(owner=(os.getuid(), os.getgid()))


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "root" / "dest").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    fd = os.open(tmp_path / "root", os.O_PATH)
    yield fd
    os.close(fd)


def entry(name: str, data: bytes | None = b"abc", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data or b"")
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data or b""


def directory(name: str, **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, None, type=tarfile.DIRTYPE, mode=0o755, **fields)


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, None, type=kind, linkname=target)


def tar(*entries: tuple[tarfile.TarInfo, bytes]) -> io.BytesIO:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data))
    made.seek(0)
    return made


def test_modes_times_and_contents_are_kept(root: int, tmp_path: Path) -> None:
    unpack(
        tar(directory("d", mtime=50), entry("d/f", mode=0o4750, mtime=70), link("d/l", "f")),
        root,
        "/dest",
        OWN,
    )
    file = tmp_path / "root" / "dest" / "d" / "f"
    assert file.read_bytes() == b"abc"
    assert stat.S_IMODE(file.stat().st_mode) == 0o4750
    assert (file.stat().st_mtime, file.parent.stat().st_mtime) == (70, 50)
    assert os.readlink(file.parent / "l") == "f"


def test_missing_parents_are_made(root: int, tmp_path: Path) -> None:
    unpack(tar(entry("a/b/c")), root, "/dest", OWN)
    assert (tmp_path / "root" / "dest" / "a" / "b" / "c").is_file()


@pytest.mark.parametrize("name", ["../x", "a/../../x", ".."])
def test_names_that_leave_the_destination_are_refused(root: int, name: str) -> None:
    with pytest.raises(InvalidParameter, match='is outside of "/dest"'):
        unpack(tar(entry(name)), root, "/dest", OWN)


def test_absolute_names_are_taken_as_relative(root: int, tmp_path: Path) -> None:
    unpack(tar(entry("/abs")), root, "/dest", OWN)
    assert (tmp_path / "root" / "dest" / "abs").exists()


def test_a_symlink_of_the_archive_leads_nowhere_else(root: int, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    for target in (str(outside), "../../../../../.." + str(outside)):
        with pytest.raises(InvalidParameter):
            unpack(tar(link("l", target), entry("l/landed")), root, "/dest", OWN)
    assert list(outside.iterdir()) == []


def test_a_symlink_in_the_root_is_followed_inside_it(root: int, tmp_path: Path) -> None:
    (tmp_path / "root" / "real").mkdir()
    (tmp_path / "root" / "dest" / "l").symlink_to("/real")
    unpack(tar(entry("l/f")), root, "/dest", OWN)
    assert (tmp_path / "root" / "real" / "f").exists()


def test_a_file_replaces_a_symlink_instead_of_writing_through_it(root: int, tmp_path: Path) -> None:
    (tmp_path / "root" / "target").write_text("old")
    (tmp_path / "root" / "dest" / "f").symlink_to("/target")
    unpack(tar(entry("f")), root, "/dest", OWN)
    assert (tmp_path / "root" / "target").read_text() == "old"
    assert (tmp_path / "root" / "dest" / "f").read_text() == "abc"


def test_kinds_replace_each_other_unless_they_are_to_be_kept(root: int, tmp_path: Path) -> None:
    dest = tmp_path / "root" / "dest"
    (dest / "was").mkdir()
    (dest / "was" / "inner").write_text("x")
    (dest / "file").write_text("x")
    keep = Extraction(owner=OWN.owner, keep_kinds=True)
    with pytest.raises(InvalidParameter, match='directory "/dest/was" with non-directory "/dest"'):
        unpack(tar(entry("was")), root, "/dest", keep)
    with pytest.raises(InvalidParameter, match='non-directory "/dest/file" with directory "/dest"'):
        unpack(tar(directory("file")), root, "/dest", keep)
    unpack(tar(entry("was"), directory("file")), root, "/dest", OWN)
    assert (dest / "was").is_file()
    assert (dest / "file").is_dir()


def test_a_directory_is_merged_into_the_one_that_is_there(root: int, tmp_path: Path) -> None:
    dest = tmp_path / "root" / "dest"
    (dest / "d").mkdir()
    (dest / "d" / "kept").write_text("x")
    unpack(tar(directory("d"), entry("d/new")), root, "/dest", OWN)
    assert sorted(each.name for each in (dest / "d").iterdir()) == ["kept", "new"]


def test_hard_links_stay_below_the_destination(root: int, tmp_path: Path) -> None:
    (tmp_path / "root" / "secret").write_text("x")
    dest = tmp_path / "root" / "dest"
    unpack(tar(entry("f"), link("h", "f", tarfile.LNKTYPE)), root, "/dest", OWN)
    assert (dest / "h").stat().st_ino == (dest / "f").stat().st_ino
    with pytest.raises(InvalidParameter, match="invalid hardlink"):
        unpack(tar(link("x", "../secret", tarfile.LNKTYPE)), root, "/dest", OWN)
    with pytest.raises(InvalidParameter, match="No such file"):
        unpack(tar(link("x", "/secret", tarfile.LNKTYPE)), root, "/dest", OWN)


@pytest.mark.parametrize("size", [100, 600, 1100, 1600])
def test_an_archive_that_was_cut_is_refused(root: int, size: int) -> None:
    whole = tar(entry("a", b"x" * 600), entry("b")).getvalue()
    with pytest.raises(InvalidParameter, match=r"Error processing tar file\(exit status 1\): "):
        unpack(io.BytesIO(whole[:size]), root, "/dest", OWN)


def test_what_is_no_tar_is_refused(root: int) -> None:
    with pytest.raises(InvalidParameter, match="Error processing tar file"):
        unpack(io.BytesIO(b"junk" * 400), root, "/dest", OWN)


def test_hundreds_of_directories_get_their_times(root: int, tmp_path: Path) -> None:
    entries = [directory(f"d{number}", mtime=100 + number) for number in range(400)]
    files = [entry(f"d{number}/f") for number in range(300, 400)]
    unpack(tar(*entries, *files), root, "/dest", OWN)
    dest = tmp_path / "root" / "dest"
    assert all((dest / f"d{number}").stat().st_mtime == 100 + number for number in range(400))


def test_holes_of_a_sparse_file_take_no_space(root: int, tmp_path: Path) -> None:
    whole, size = tmp_path / "sparse", 8 << 30
    with open(whole, "wb") as file:
        file.write(b"head")
        file.seek(4 << 30)
        file.write(b"middle")
        file.truncate(size)
    packed = tmp_path / "sparse.tar"
    subprocess.run(
        ["tar", "--sparse", "-cf", str(packed), "-C", str(tmp_path), "sparse"], check=True
    )
    assert packed.stat().st_size < 100_000
    with open(packed, "rb", buffering=0) as source:
        unpack(source, root, "/dest", OWN)
    made = tmp_path / "root" / "dest" / "sparse"
    assert made.stat().st_size == size
    assert made.stat().st_blocks * 512 < 100_000
    with open(made, "rb") as file:
        assert file.read(5) == b"head\0"
        file.seek(4 << 30)
        assert file.read(7) == b"middle\0"
