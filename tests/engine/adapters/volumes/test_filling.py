from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from engine.adapters.volumes import filling
from engine.adapters.volumes.filling import FILLED, FILLING, directory, fill, is_empty, recover
from engine.domain.volumes.ports import NotADirectory


class Bench:
    """A root with /data, and a volume: its directory `beside`, its content `data`."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self.root, self.beside = path / "root", path / "vol"
        self.data = self.beside / "_data"
        for each in (self.root / "data" / "sub", self.data):
            each.mkdir(parents=True)
        (self.root / "data" / "f").write_text("hello")
        self._root = stack.enter_context(directory(str(self.root)))
        self._beside = stack.enter_context(directory(str(self.beside)))
        self._data = stack.enter_context(directory(str(self.data)))
        self.pauses = 0
        self.fail_at = 0

    def fill(self, path: str = "/data", *, inside: bool = False) -> None:
        fill(self._root, path, self._data, self._data if inside else self._beside, self._pause)

    def recover(self) -> None:
        recover(self._beside, self._data)

    def is_empty(self) -> bool:
        return is_empty(self._data)

    def _pause(self) -> None:
        self.pauses += 1
        if self.pauses == self.fail_at:
            raise OSError(28, "No space left on device")

    @property
    def files(self) -> set[str]:
        return set(os.listdir(self.data))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(tmp_path, stack)


@pytest.mark.parametrize("inside", [False, True])
def test_empty_volume_takes_content_and_mode_of_the_directory(bench: Bench, inside: bool) -> None:
    (bench.root / "data").chmod(0o2750)
    bench.fill(inside=inside)
    assert bench.files == {"f", "sub"}
    assert stat.S_IMODE(bench.data.stat().st_mode) == 0o2750
    assert os.listdir(bench.beside) == ["_data"]


def test_volume_with_content_stays_as_it_is(bench: Bench) -> None:
    (bench.data / "mine").write_text("x")
    bench.fill()
    assert bench.files == {"mine"}


def test_nothing_in_the_root_is_nothing_to_copy(bench: Bench) -> None:
    bench.fill("/nowhere/at/all")
    assert bench.is_empty()


def test_links_in_the_root_lead_nowhere_else(bench: Bench, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("x")
    (bench.root / "absolute").symlink_to(outside)
    (bench.root / "relative").symlink_to("../../../../outside")
    (bench.root / "good").symlink_to("/data")
    for path in ("/absolute", "/relative"):
        bench.fill(path)
        assert bench.is_empty()
    bench.fill("/good")
    assert bench.files == {"f", "sub"}


def test_file_in_the_root_is_named_as_the_image_has_it(bench: Bench) -> None:
    (bench.root / "link").symlink_to("data/f")
    with pytest.raises(NotADirectory) as refusal:
        bench.fill("/link")
    assert refusal.value.path.endswith("/data/f")


def test_copy_that_fails_leaves_nothing(bench: Bench) -> None:
    bench.fail_at = 2
    with pytest.raises(OSError, match="No space left"):
        bench.fill()
    assert os.listdir(bench.beside) == ["_data"]
    assert bench.is_empty()


def test_half_a_copy_is_undone(bench: Bench) -> None:
    (bench.beside / FILLING).mkdir()
    (bench.beside / FILLING / "half").write_text("x")
    bench.recover()
    assert os.listdir(bench.beside) == ["_data"]
    assert bench.is_empty()


def test_whole_copy_is_moved_over_to_its_end(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(filling, "_move_over", lambda *_: None)  # the daemon is killed here
        bench.fill()
    (bench.beside / FILLED / "sub").rename(bench.data / "sub")
    (bench.data / "f").write_text("theirs")
    bench.recover()
    assert bench.files == {"f", "sub"}
    assert (bench.data / "f").read_text() == "theirs"
    assert os.listdir(bench.beside) == ["_data"]


def test_half_a_copy_inside_the_volume_does_not_count_as_content(bench: Bench) -> None:
    (bench.data / FILLING).mkdir()
    assert bench.is_empty()
    bench.fill(inside=True)
    assert bench.files == {"f", "sub"}
