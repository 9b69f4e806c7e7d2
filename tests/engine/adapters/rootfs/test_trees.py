from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.rootfs.openat2 import open_in_root
from engine.adapters.rootfs.trees import bare, make_places, of_process, whole
from engine.errors import Conflict
from engine.models.files import Bind, Root
from engine.models.runtime import Mount

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounts"),
]


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """On a file system that may hold an overlay's upper directory."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(tmp_path)], check=True)
    for name in ("upper", "work", "lower/etc", "volume/sub", "scratch"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "lower" / "etc" / "passwd").write_text("image")
    (tmp_path / "upper" / "own").write_text("own")
    (tmp_path / "volume" / "file").write_text("volume")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def root_in(scratch: Path, *binds: Bind) -> Root:
    options = tuple(
        f"{name}dir={scratch}/{part}"
        for name, part in (("work", "work"), ("upper", "upper"), ("lower", "lower"))
    )
    return Root("id", (Mount("overlay", "overlay", options=options),), binds=binds)


def content(fd: int, path: str) -> str:
    with open(open_in_root(fd, path, os.O_RDONLY)) as file:
        return file.read()


def test_layers_and_binds_are_seen_together_and_leave_no_mount(scratch: Path) -> None:
    bind = Bind(f"{scratch}/volume", "/etc", read_only=True)
    before = Path("/proc/self/mountinfo").read_text()
    with whole(root_in(scratch, bind), scratch / "scratch") as fd:
        assert Path("/proc/self/mountinfo").read_text() == before
        assert content(fd, "/own") == "own"
        assert content(fd, "/etc/file") == "volume"
        with pytest.raises(OSError, match="Read-only"):
            open_in_root(fd, "/etc/new", os.O_CREAT | os.O_WRONLY, 0o600)
    assert list((scratch / "scratch").iterdir()) == []


def test_a_root_to_look_at_cannot_be_written_and_the_other_lands_in_the_upper(
    scratch: Path,
) -> None:
    root = root_in(scratch)
    with whole(root, scratch / "scratch") as fd, pytest.raises(OSError, match="Read-only"):
        open_in_root(fd, "/new", os.O_CREAT | os.O_WRONLY, 0o600)
    with whole(root, scratch / "scratch", writable=True) as fd:
        os.close(open_in_root(fd, "/new", os.O_CREAT | os.O_WRONLY, 0o600))
    assert (scratch / "upper" / "new").exists()


def test_the_bare_root_is_without_its_binds(scratch: Path) -> None:
    bind = Bind(f"{scratch}/volume", "/etc")
    with bare(root_in(scratch, bind), scratch / "scratch") as fd:
        assert content(fd, "/etc/passwd") == "image"


def test_places_are_made_for_files_and_directories(scratch: Path) -> None:
    binds = (
        Bind(f"{scratch}/volume", "/data/deep"),
        Bind(f"{scratch}/volume/file", "/etc/conf.d/file"),
    )
    make_places(root_in(scratch, *binds), scratch / "scratch")
    with whole(root_in(scratch, *binds), scratch / "scratch") as fd:
        assert content(fd, "/data/deep/file") == "volume"
        assert content(fd, "/etc/conf.d/file") == "volume"


def test_a_missing_place_leaves_the_bind_out(scratch: Path) -> None:
    with whole(root_in(scratch, Bind("/etc", "/nosuch")), scratch / "scratch") as fd:
        assert content(fd, "/own") == "own"


def test_a_shared_mount_below_a_bind_survives_the_look(scratch: Path) -> None:
    """A detached copy that still shared its propagation would take the original away."""
    volume = scratch / "volume"
    subprocess.run(["mount", "--bind", str(volume), str(volume)], check=True)
    subprocess.run(["mount", "--make-shared", str(volume)], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(volume / "sub")], check=True)
    (volume / "sub" / "inner").write_text("inner")
    with whole(root_in(scratch, Bind(str(volume), "/etc")), scratch / "scratch") as fd:
        assert content(fd, "/etc/sub/inner") == "inner"
    assert (volume / "sub" / "inner").read_text() == "inner"


def test_the_pid_of_somebody_else_is_refused() -> None:
    with pytest.raises(Conflict, match="is not running"):
        of_process(Root("f" * 64, (), pid=os.getpid()))
    with pytest.raises(Conflict, match="is not running"):
        of_process(Root("f" * 64, (), pid=2**22 + 1))
