from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.rootfs.mounting import PAGE, clear, mounted, short_enough
from engine.adapters.rootfs.openat2 import open_in_root
from engine.adapters.rootfs.syscalls import mount
from engine.models.runtime import Mount


def test_options_that_fit_stay_as_they_are() -> None:
    with short_enough("lowerdir=/a:/b") as data:
        assert data == "lowerdir=/a:/b"


def test_too_long_options_name_their_layers_by_descriptor(tmp_path: Path) -> None:
    layers = [tmp_path / f"{number:0100d}" for number in range(50)]
    for layer in layers:
        layer.mkdir()
    long = "index=off,lowerdir=" + ":".join(map(str, layers))
    assert len(long) > PAGE
    before = len(os.listdir("/proc/self/fd"))
    with short_enough(long) as data:
        assert len(data) < PAGE
        assert data.startswith("index=off,lowerdir=/proc/self/fd/")
        named = data.partition("lowerdir=")[2].split(":")
        assert [os.readlink(each) for each in named] == [str(layer) for layer in layers]
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(tmp_path)], check=True)
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


@pytest.mark.integration
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts")
def test_an_image_of_very_many_layers_can_be_looked_into(scratch: Path) -> None:
    layers = [scratch / ("l" * 80 + str(number)) for number in range(100)]
    for number, layer in enumerate(layers):
        layer.mkdir()
        (layer / f"f{number}").write_text(str(number))
    lower = "lowerdir=" + ":".join(map(str, layers))
    with mounted([Mount("overlay", "overlay", options=(lower,))], scratch) as fd:
        for number in (0, 99):
            found = open_in_root(fd, f"/f{number}", os.O_RDONLY)
            assert os.read(found, 10) == str(number).encode()
            os.close(found)


def mounts_below(path: Path) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line for line in lines if f" {path}/" in line]


def overlay(base: Path, *lowers: Path) -> Mount:
    for name in ("upper", "work"):
        (base / name).mkdir(exist_ok=True)
    options = (
        f"upperdir={base}/upper",
        f"workdir={base}/work",
        "lowerdir=" + ":".join(str(each) for each in lowers),
    )
    return Mount("overlay", "overlay", options=options)


@pytest.mark.integration
def test_root_lives_by_its_descriptor_and_nowhere_else(tmp_path: Path) -> None:
    lower, scratch = tmp_path / "lower", tmp_path / "scratch"
    for each in (lower, scratch):
        each.mkdir()
    (lower / "file").write_text("below")
    with mounted([overlay(tmp_path, lower)], scratch) as root:
        assert list(scratch.iterdir()) == []
        assert mounts_below(tmp_path) == []
        fd = os.open("file", os.O_RDONLY, dir_fd=root)
        assert os.read(fd, 10) == b"below"
        os.close(fd)
        os.mkdir("made", dir_fd=root)
    assert (tmp_path / "upper" / "made").is_dir()


@pytest.mark.integration
def test_read_only_bind_is_mounted_and_what_fails_leaves_nothing(tmp_path: Path) -> None:
    source, scratch = tmp_path / "source", tmp_path / "scratch"
    source.mkdir()
    scratch.mkdir()
    (source / "file").touch()
    with mounted([Mount("bind", str(source), options=("rbind", "rw"))], scratch) as root:
        assert os.listdir(f"/proc/self/fd/{root}") == ["file"]
    with (
        pytest.raises(OSError, match="No such file"),
        mounted([Mount("bind", str(tmp_path / "nosuch"), options=("rbind",))], scratch),
    ):
        pytest.fail("mounted what is not there")
    assert list(scratch.iterdir()) == []


def test_empty_points_go_and_everything_else_stays(tmp_path: Path) -> None:
    (tmp_path / "tmpabc").mkdir()
    (tmp_path / "volumes").mkdir()
    (tmp_path / "tmpfull").mkdir()
    (tmp_path / "tmpfull" / "file").touch()
    clear(tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["tmpfull", "volumes"]


@pytest.mark.integration
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts")
def test_what_is_mounted_is_released_and_not_deleted(tmp_path: Path) -> None:
    source, scratch = tmp_path / "source", tmp_path / "scratch"
    (scratch / "tmpabc").mkdir(parents=True)
    source.mkdir()
    (source / "file").touch()
    for _ in range(2):
        mount(str(source), str(scratch / "tmpabc"), "", 4096)
    clear(scratch)
    assert not any(scratch.iterdir())
    assert (source / "file").exists()
