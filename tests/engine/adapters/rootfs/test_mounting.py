from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.adapters.rootfs.mounting import PAGE, mounted, short_enough
from engine.models.runtime import Mount


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


@pytest.mark.integration
def test_layers_beyond_a_page_of_options_are_named_by_descriptors(tmp_path: Path) -> None:
    lowers = [tmp_path / f"{number:03d}{'x' * 200}" for number in range(60)]
    for number, each in enumerate(lowers):
        each.mkdir()
        (each / f"file{number}").touch()
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with mounted([overlay(tmp_path, *lowers)], scratch) as root:
        assert len(os.listdir(f"/proc/self/fd/{root}")) == 60


def test_short_options_stay_and_long_ones_keep_all_but_their_layers(tmp_path: Path) -> None:
    with short_enough("lowerdir=/a:/b") as short:
        assert short == "lowerdir=/a:/b"
    long = "index=off,lowerdir=" + ":".join([str(tmp_path)] * PAGE)
    before = len(os.listdir("/proc/self/fd"))
    few = "index=off,lowerdir=" + ":".join([f"{tmp_path}{'/.' * 500}"] * 8)
    with short_enough(few) as short:
        assert short.startswith("index=off,lowerdir=/proc/self/fd/")
        assert len(short) < PAGE < len(few) < len(long)
    assert len(os.listdir("/proc/self/fd")) == before
