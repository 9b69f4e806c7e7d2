from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.adapters.rootfs.copying import TreeCopy

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="owners and devices need root")


@contextmanager
def opened(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield fd
    finally:
        os.close(fd)


def copy(source: Path, target: Path, pause: Callable[[], object] = lambda: None) -> None:
    target.mkdir()
    with opened(source) as reader, opened(target) as writer:
        TreeCopy(writer, pause).run(reader)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.mkdir()
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


def test_contents_modes_and_times_are_the_same(source: Path, target: Path) -> None:
    (source / "sub" / "deeper").mkdir(parents=True)
    (source / "sub" / "f").write_bytes(b"x" * 100_000)
    (source / "sub" / "f").chmod(0o4711)
    os.utime(source / "sub" / "f", ns=(1_000_000_001, 2_000_000_002))
    (source / "sub").chmod(0o2750)
    os.utime(source / "sub", ns=(3, 4))
    source.chmod(0o1777)
    copy(source, target)
    assert (target / "sub" / "f").read_bytes() == b"x" * 100_000
    assert stat.S_IMODE((target / "sub" / "f").stat().st_mode) == 0o4711
    assert (target / "sub" / "f").stat().st_mtime_ns == 2_000_000_002
    assert stat.S_IMODE((target / "sub").stat().st_mode) == 0o2750
    assert (target / "sub").stat().st_mtime_ns == 4
    assert stat.S_IMODE(target.stat().st_mode) == 0o1777
    assert (target / "sub" / "deeper").is_dir()


def test_links_are_copied_and_never_followed(source: Path, target: Path) -> None:
    (source / "out").symlink_to("/etc/passwd")
    (source / "dangling").symlink_to("../../nowhere")
    (source / "dir").symlink_to("/etc")
    os.utime(source / "out", ns=(5, 6), follow_symlinks=False)
    copy(source, target)
    assert os.readlink(target / "out") == "/etc/passwd"
    assert os.readlink(target / "dangling") == "../../nowhere"
    assert os.readlink(target / "dir") == "/etc"
    assert (target / "out").lstat().st_mtime_ns == 6


def test_hard_links_stay_hard_links(source: Path, target: Path) -> None:
    (source / "a").mkdir()
    (source / "a" / "f").write_bytes(b"x")
    os.link(source / "a" / "f", source / "g")
    copy(source, target)
    assert (target / "a" / "f").stat().st_ino == (target / "g").stat().st_ino


def test_holes_stay_holes(source: Path, target: Path) -> None:
    with (source / "sparse").open("wb") as file:
        file.truncate(64 << 20)
        file.seek(32 << 20)
        file.write(b"middle")
    copy(source, target)
    found = (target / "sparse").stat()
    assert found.st_size == 64 << 20
    assert found.st_blocks * 512 < 1 << 20
    with (target / "sparse").open("rb") as file:
        file.seek(32 << 20)
        assert file.read(6) == b"middle"


@root_only
def test_owners_devices_and_pipes_are_copied(source: Path, target: Path) -> None:
    (source / "f").write_bytes(b"x")
    (source / "f").chmod(0o6755)
    os.chown(source / "f", 1000, 1001)
    (source / "f").chmod(0o6755)
    os.mknod(source / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mkfifo(source / "pipe", 0o620)
    (source / "link").symlink_to("x")
    os.chown(source / "link", 7, 8, follow_symlinks=False)
    os.chown(source, 3, 4)
    copy(source, target)
    found = (target / "f").stat()
    assert (found.st_uid, found.st_gid) == (1000, 1001)
    assert stat.S_IMODE(found.st_mode) == 0o6755
    device = (target / "null").stat()
    assert (stat.S_ISCHR(device.st_mode), device.st_rdev) == (True, os.makedev(1, 3))
    assert stat.S_ISFIFO((target / "pipe").stat().st_mode)
    assert (target / "link").lstat().st_uid == 7
    assert (target.stat().st_uid, target.stat().st_gid) == (3, 4)


@root_only
def test_extended_attributes_are_copied(source: Path, target: Path) -> None:
    (source / "f").write_bytes(b"x")
    capability = bytes.fromhex("0100000200040000000000000000000000000000")
    os.setxattr(source / "f", "security.capability", capability)
    os.setxattr(source, "trusted.note", b"y")
    copy(source, target)
    assert os.getxattr(target / "f", "security.capability") == capability
    assert os.getxattr(target, "trusted.note") == b"y"


def test_copy_can_be_ended_between_pieces(source: Path, target: Path) -> None:
    for number in range(5):
        (source / str(number)).write_bytes(b"x")
    calls = iter(range(3))

    def pause() -> None:
        next(calls)

    with pytest.raises(StopIteration):
        copy(source, target, pause)
    assert len(list(target.iterdir())) == 2
