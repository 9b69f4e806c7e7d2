from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from engine.domain.logs.files import LAG, LAG_BYTES, MOST_LAG, Files, open_stopped


def content(files: Files) -> list[bytes]:
    """What a reader gets, oldest first; the files are closed."""
    found = []
    while (file := files.next()) is not None:
        file.expand()
        found.append(os.pread(file.fd, file.size, 0))
        file.close()
    return found


@pytest.fixture
def rotated(tmp_path: Path) -> Path:
    path = tmp_path / "x.log"
    with gzip.open(f"{path}.2.gz", "wb") as old:
        old.write(b"1\n2\n")
    Path(f"{path}.1").write_bytes(b"3\n4\n")
    path.write_bytes(b"5\n6\n")
    return path


def test_files_are_read_oldest_first_compressed_ones_unpacked(rotated: Path) -> None:
    assert content(open_stopped(str(rotated))) == [b"1\n2\n", b"3\n4\n", b"5\n6\n"]


def test_rotation_takes_nothing_from_who_has_the_files_open(rotated: Path) -> None:
    files = open_stopped(str(rotated))
    for each in rotated.parent.iterdir():
        each.unlink()
    assert b"".join(content(files)) == b"1\n2\n3\n4\n5\n6\n"


@pytest.mark.parametrize(
    ("lines", "tail"),
    [
        (1, b"6\n"),
        (2, b"5\n6\n"),
        (3, b"4\n5\n6\n"),
        (5, b"2\n3\n4\n5\n6\n"),
        (6, b"1\n2\n3\n4\n5\n6\n"),
        (100, b"1\n2\n3\n4\n5\n6\n"),
    ],
)
def test_tail_goes_back_over_the_files(rotated: Path, lines: int, tail: bytes) -> None:
    files = open_stopped(str(rotated))
    offset = files.keep_tail(lines)
    assert b"".join(content(files))[offset:] == tail


def test_tail_is_found_in_files_of_many_blocks(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    lines = [b"%06d" % number + b"x" * 90 + b"\n" for number in range(3000)]
    path.write_bytes(b"".join(lines))
    for wanted in (1, 700, 2999, 3000):
        files = open_stopped(str(path))
        offset = files.keep_tail(wanted)
        assert b"".join(content(files))[offset:] == b"".join(lines[-wanted:])


def test_log_that_is_not_there_or_empty_has_no_tail(tmp_path: Path) -> None:
    files = open_stopped(str(tmp_path / "x.log"))
    assert (files.keep_tail(5), len(files), files.next()) == (0, 0, None)
    (tmp_path / "x.log").write_bytes(b"")
    files = open_stopped(str(tmp_path / "x.log"))
    assert files.keep_tail(5) == 0
    assert content(files) == [b""]


def test_damaged_archive_gives_what_it_can(tmp_path: Path) -> None:
    text = b"".join(b"line %d\n" % number for number in range(100_000))
    whole = gzip.compress(text)
    damaged = {"x": whole[: len(whole) // 2], "y": b"no gzip at all"}
    damaged["z"] = whole[: len(whole) // 2] + b"\xff" * 1000
    files = Files()
    for name, data in damaged.items():
        (tmp_path / f"{name}.log.gz").write_bytes(data)
        files.add(str(tmp_path / f"{name}.log.gz"))
    first, second, third = content(files)
    assert len(first) > 100_000
    assert text.startswith(first)
    assert second == b""
    assert len(third) > 100_000


@pytest.mark.parametrize(("size", "most"), [(LAG_BYTES // LAG, LAG), (1, MOST_LAG)])
def test_follower_that_lags_too_far_gives_up_the_oldest(
    tmp_path: Path, size: int, most: int
) -> None:
    files = Files()
    for number in range(most + 3):
        path = tmp_path / str(number)
        path.write_bytes(b"%d" % number)
        files.add(str(path))
        os.truncate(path, size)  # it grows after it was opened
        files.trim()
    assert (len(files), files.skipped) == (most, 3)
    assert content(files)[0] == b"3"


def test_closed_files_take_no_more(rotated: Path) -> None:
    files = open_stopped(str(rotated))
    files.close()
    files.add(str(rotated))
    assert len(files) == 0
