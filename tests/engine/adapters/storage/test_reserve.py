from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.adapters.storage.reserve import DiskReserve
from engine.errors import SystemFailure


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The file system has 100 MB free; how often it was asked."""
    asked: list[object] = []

    def statvfs(path: object) -> SimpleNamespace:
        asked.append(path)
        return SimpleNamespace(f_bavail=100, f_frsize=1_000_000)

    monkeypatch.setattr(os, "statvfs", statvfs)
    return asked


def test_enough_is_enough(looks: list[object]) -> None:
    DiskReserve(Path("/d"), 50_000_000).check(50_000_000)


def test_reserve_is_left_alone(looks: list[object]) -> None:
    reserve = DiskReserve(Path("/d"), 50_000_000)
    with pytest.raises(SystemFailure) as caught:
        reserve.check(50_000_001)
    assert str(caught.value) == (
        "not enough disk space under /d: 100.0 MB are free, 50.0 MB are needed "
        "and 50.0 MB are reserved (storage-collection)"
    )


def test_without_a_reserve_nothing_is_refused(looks: list[object]) -> None:
    DiskReserve(Path("/d"), 0).check(1 << 60)


def test_one_look_serves_many_pieces(looks: list[object]) -> None:
    reserve = DiskReserve(Path("/d"), 1)
    for _ in range(100):
        reserve.check(1)
    assert len(looks) < 10
