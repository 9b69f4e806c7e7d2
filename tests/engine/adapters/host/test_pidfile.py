from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.adapters.host.pidfile import PidFile
from engine.errors import SystemFailure


def test_file_names_this_process_and_goes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "run" / "docker.pid"
    file = PidFile(path)
    file.write()
    assert path.read_text() == str(os.getpid())
    file.remove()
    assert not path.exists()


@pytest.mark.parametrize("stale", ["", "garbage", "999999999", str(os.getpid()), "²"])
def test_stale_file_is_replaced(tmp_path: Path, stale: str) -> None:
    path = tmp_path / "docker.pid"
    path.write_text(stale)
    PidFile(path).write()
    assert path.read_text() == str(os.getpid())


def test_file_of_a_live_process_is_refused_and_left(tmp_path: Path) -> None:
    path = tmp_path / "docker.pid"
    path.write_text(f"{os.getppid()}\n")
    file = PidFile(path)
    text = f"^pid file found, ensure docker is not running or delete {path}$"
    with pytest.raises(SystemFailure, match=text):
        file.write()
    file.remove()
    assert path.exists()


def test_file_that_another_has_taken_over_is_left(tmp_path: Path) -> None:
    path = tmp_path / "docker.pid"
    file = PidFile(path)
    file.write()
    path.write_text("1")
    file.remove()
    assert path.read_text() == "1"
