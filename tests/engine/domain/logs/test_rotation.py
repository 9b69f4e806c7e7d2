from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from engine.domain.logs.rotation import compress, repair, rotated_paths, shift


def there(path: Path) -> dict[str, bytes]:
    return {
        each.name: gzip.decompress(each.read_bytes()) if each.suffix == ".gz" else each.read_bytes()
        for each in path.parent.iterdir()
    }


def test_files_are_listed_oldest_first_up_to_the_first_gap(tmp_path: Path) -> None:
    path = tmp_path / "log"
    for name in ("log", "log.1", "log.2.gz", "log.4"):
        (tmp_path / name).touch()
    assert rotated_paths(str(path)) == [f"{path}.2.gz", f"{path}.1", str(path)]
    assert rotated_paths(str(tmp_path / "other")) == []


@pytest.mark.parametrize(
    ("most", "left"),
    [
        (1, set()),
        (2, {"log.1"}),
        (3, {"log.1", "log.2"}),
        (4, {"log.1", "log.2", "log.3.gz"}),
    ],
)
def test_shift_makes_room_and_keeps_as_many_as_allowed(
    tmp_path: Path, most: int, left: set[str]
) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"new")
    for number in range(1, most):
        older = tmp_path / f"log.{number}"
        if number == 2:
            Path(f"{older}.gz").write_bytes(gzip.compress(b"2"))
        else:
            older.write_bytes(b"%d" % number)
    shift(str(path), most)
    assert there(path).keys() == left
    if most > 1:
        assert there(path)["log.1"] == b"new"


def test_who_still_reads_the_only_file_reads_it_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"all of it")
    with path.open("rb") as reader:
        shift(str(path), 1)
        assert reader.read() == b"all of it"


def test_compressed_file_takes_the_place_of_the_plain_one(tmp_path: Path) -> None:
    path = tmp_path / "log.1"
    path.write_bytes(b"line\n" * 1000)
    compress(str(path))
    assert there(path) == {"log.1.gz": b"line\n" * 1000}
    assert (tmp_path / "log.1.gz").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        (b"", b""),
        (b"one\ntwo\n", b"one\ntwo\n"),
        (b"one\ntw", b"one\n"),
        (b"torn", b""),
        (b"one\n" + b"x" * 200_000, b"one\n"),
        (b"x" * 200_000, b""),
    ],
)
def test_torn_last_record_is_cut_off(tmp_path: Path, content: bytes, kept: bytes) -> None:
    path = tmp_path / "log"
    path.write_bytes(content)
    fd = os.open(path, os.O_RDWR)
    assert repair(fd) == len(kept)
    os.close(fd)
    assert path.read_bytes() == kept
