from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine import __main__ as daemon
from engine.version import VERSION


def test_help_and_version_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert daemon.main(["--version"]) == 0
    assert capsys.readouterr().out == f"Trimaran version {VERSION}\n"
    assert daemon.main(["--help"]) == 0
    assert "--data-root" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--nope"], "unknown flag: --nope"),
        (["--mtu", "-1"], "invalid default MTU: -1"),
        (["--config-file", "/nosuch/daemon.json"], "/nosuch/daemon.json"),
    ],
)
def test_bad_configuration_is_one_clear_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    assert daemon.main(arguments) == 1
    assert text in capsys.readouterr().err


def test_configuration_is_validated_without_a_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "daemon.json"
    file.write_text('{"debug": true}')
    assert daemon.main(["--validate", "--config-file", str(file)]) == 0
    assert capsys.readouterr().out == "configuration OK\n"
    file.write_text('{"debug": 7}')
    assert daemon.main(["--validate", "--config-file", str(file)]) == 1


def test_only_root_may_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(daemon, "set_up_logging", lambda settings: None)
    assert daemon.main(["--data-root", str(tmp_path / "data")]) == daemon.FAILED
    assert "needs to be started with root privileges" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_data_of_dockerd_and_a_live_pid_file_stop_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "umask", lambda mask: 0)
    monkeypatch.setattr(daemon, "set_up_logging", lambda settings: None)
    data, pid = tmp_path / "data", tmp_path / "pid"
    (data / "overlay2").mkdir(parents=True)
    arguments = ["--data-root", str(data), "--pidfile", str(pid)]
    assert daemon.main(arguments) == daemon.FAILED
    assert "failed to start daemon: " in capsys.readouterr().err
    assert not pid.exists()
    pid.write_text(str(os.getppid()))
    assert daemon.main(arguments) == daemon.FAILED
    assert "pid file found, ensure docker is not running" in capsys.readouterr().err
    assert pid.exists()
