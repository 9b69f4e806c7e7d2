from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.adapters.volumes.directories import Directories
from engine.errors import SystemFailure


@pytest.fixture
def directories(tmp_path: Path) -> Directories:
    return Directories(tmp_path)


def test_directory_is_for_root_and_its_content_for_everybody(
    directories: Directories,
) -> None:
    directories.make("vol")
    assert directories.path("vol").stat().st_mode & 0o777 == 0o701
    assert directories.data("vol").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("what", ["file", "link"])
def test_what_is_no_directory_is_not_taken_for_one(
    directories: Directories, tmp_path: Path, what: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "_data").mkdir(parents=True)
    if what == "file":
        directories.path("vol").write_text("")
    else:
        directories.path("vol").symlink_to(elsewhere)
    with pytest.raises(SystemFailure, match="file exists"):
        directories.make("vol")


def test_name_that_is_too_long_is_the_hosts_refusal(directories: Directories) -> None:
    with pytest.raises(SystemFailure, match=r"^mkdir .*: file name too long$"):
        directories.make("x" * 300)


def test_size_counts_hard_links_once_and_follows_no_links(directories: Directories) -> None:
    directories.make("vol")
    data = directories.data("vol")
    (data / "sub").mkdir()
    (data / "sub" / "f").write_bytes(b"12345")
    os.link(data / "sub" / "f", data / "g")
    (data / "out").symlink_to("/proc/kcore")
    assert directories.size("vol", lambda: None) == 5 + len("/proc/kcore")


def test_only_whole_volumes_are_present(directories: Directories, tmp_path: Path) -> None:
    directories.make("vol")
    (tmp_path / "empty").mkdir()
    (tmp_path / ".hidden" / "_data").mkdir(parents=True)
    assert directories.present() == {"vol"}
    assert directories.mounted() == frozenset()
