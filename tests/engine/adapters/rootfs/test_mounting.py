"""What a killed daemon leaves in the scratch directory goes at the next start."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.adapters.rootfs.mounting import clear
from engine.adapters.rootfs.syscalls import mount


def test_empty_points_go_and_everything_else_stays(tmp_path: Path) -> None:
    (tmp_path / "tmpabc").mkdir()
    (tmp_path / "volumes").mkdir()
    (tmp_path / "tmpfull").mkdir()
    (tmp_path / "tmpfull" / "file").touch()
    clear(tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["tmpfull", "volumes"]


@pytest.mark.integration
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
