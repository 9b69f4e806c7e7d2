from __future__ import annotations

from pathlib import Path

import pytest

from engine.adapters.host import programs
from engine.adapters.host.programs import RuncVersion


def program(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


async def test_version_is_read_once(tmp_path: Path) -> None:
    said = "echo 'runc version 1.1.5+ds1'; echo 'commit: 1.1.5-abc'; echo 'spec: 1.0.2'"
    version = RuncVersion(program(tmp_path / "runc", said))
    assert await version() == ("1.1.5+ds1", "1.1.5-abc")
    (tmp_path / "runc").unlink()
    assert await version() == ("1.1.5+ds1", "1.1.5-abc")


async def test_program_that_is_missing_or_odd_has_none(tmp_path: Path) -> None:
    assert await RuncVersion(str(tmp_path / "runc"))() == ("", "")
    assert await RuncVersion(program(tmp_path / "odd", "echo hello; exit 3"))() == ("", "")


async def test_program_that_hangs_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "DEADLINE", 0.05)
    assert await RuncVersion(program(tmp_path / "slow", "exec sleep 60"))() == ("", "")
