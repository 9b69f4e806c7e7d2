from __future__ import annotations

from pathlib import Path

import pytest

from engine.adapters.host.identity import DataRoot
from engine.adapters.store.opening import STATE
from engine.command.__main__ import main
from tests.engine.adapters.host.test_identity import WANTED
from tests.engine.adapters.store.test_opening import damage, filled


@pytest.fixture
def root(tmp_path: Path) -> Path:
    data = DataRoot(tmp_path)
    data.claim()
    data.settle(WANTED)
    data.release()
    filled(tmp_path)
    return tmp_path


def doctor(root: Path, *more: str) -> int:
    return main(["doctor", "--data-root", str(root), *more])


def test_sound_root_is_told_so(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(root) == 0
    told = capsys.readouterr().out
    assert "60 records of kind container" in told
    assert "nothing is damaged" in told


def test_damage_is_told_and_then_repaired(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(root / STATE, "zeroed")
    (root / "engine.json").write_bytes(b"")
    before = (root / STATE).read_bytes()
    assert doctor(root) == 1
    told = capsys.readouterr().out
    assert "damaged: state.db: file is not a database" in told
    assert "damaged: engine.json: " in told
    assert (root / STATE).read_bytes() == before
    assert doctor(root, "--repair") == 0
    told = capsys.readouterr().out
    assert "60 restored" in told
    assert doctor(root) == 0
    assert "set aside: " in capsys.readouterr().out


def test_root_in_use_and_no_root_are_not_touched(
    root: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    data = DataRoot(root)
    data.claim()
    assert doctor(root, "--repair") == 2
    assert "in use by another trimarand" in capsys.readouterr().out
    data.release()
    empty = tmp_path_factory.mktemp("empty")
    assert doctor(empty) == 2
    assert list(empty.iterdir()) == []
