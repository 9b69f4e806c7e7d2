from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from demo import leftovers, stage
from demo.stage import Stage, StageError, run, undisturbed


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage whose places are only its directory."""
    monkeypatch.setattr(leftovers, "remove", lambda root, engine_id: None)
    monkeypatch.setattr(stage, "run", lambda *command: "")
    return Stage()


def test_command_is_answered_with_what_it_prints() -> None:
    assert run("echo", "hello") == "hello\n"
    with pytest.raises(StageError, match=r"^sh -c echo oh dear >&2; exit 3: oh dear$"):
        run("sh", "-c", "echo oh dear >&2; exit 3")
    with pytest.raises(StageError, match=r"^false: 1$"):
        run("false")
    with pytest.raises(StageError, match="nosuch-command"):
        run("nosuch-command")


def test_places_go_with_the_stage_whatever_has_happened(bare: Stage) -> None:
    assert bare.root.is_dir()
    with pytest.raises(ZeroDivisionError), bare:
        raise ZeroDivisionError
    assert bare.gone()
    bare.strike()


def test_stage_that_cannot_be_set_up_leaves_nothing(
    bare: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*command: str) -> str:
        raise StageError("no namespaces here")

    monkeypatch.setattr(stage, "run", fail)
    with pytest.raises(StageError, match="no namespaces here"):
        bare.__enter__()
    assert not bare.root.exists()


def daemon(bare: Stage, program: str) -> None:
    bare._command = lambda: [sys.executable, "-c", program]  # type: ignore[method-assign]


def test_daemon_that_ends_at_once_is_told_with_its_code(bare: Stage) -> None:
    with bare:
        daemon(bare, "print('why'); raise SystemExit(3)")
        with pytest.raises(StageError, match="the daemon exited with 3"):
            bare.start()
        assert bare.log_tail() == ["why"]


def test_daemon_that_does_not_answer_is_told(bare: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "START_SECONDS", 0.05)
    with bare:
        daemon(bare, "import time; time.sleep(60)")
        with pytest.raises(StageError, match="the daemon does not answer"):
            bare.start()
        pid = bare.pid
        assert os.path.exists(f"/proc/{pid}")
    assert not os.path.exists(f"/proc/{pid}")


def test_stop_is_the_daemons_exit_code_and_a_deaf_one_is_killed(
    bare: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bare.stop() == 0
    bare._process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    assert bare.stop() == -signal.SIGTERM
    monkeypatch.setattr(stage, "STOP_SECONDS", 0.05)
    deaf = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        bare._process = process
        with pytest.raises(StageError, match="the daemon did not stop"):
            bare.stop()
    assert process.returncode == -signal.SIGKILL
    bare.strike()


def test_identity_is_read_from_the_data_of_a_daemon_that_failed(bare: Stage) -> None:
    with bare:
        assert bare._recorded_id() == ""
        (bare.root / "data").mkdir()
        (bare.root / "data" / "engine.json").write_text('{"engine_id": "e1"}')
        assert bare._recorded_id() == "e1"


def test_signals_wait_until_what_is_being_removed_is_gone() -> None:
    with pytest.raises(KeyboardInterrupt):
        undisturbed_interrupt(done := [])
    assert done == ["removed"]


def undisturbed_interrupt(done: list[str]) -> None:
    with undisturbed():
        os.kill(os.getpid(), signal.SIGINT)
        done.append("removed")


def test_daemon_is_started_in_its_own_places(bare: Stage) -> None:
    with bare:
        words = bare._command()
        for name in ("data-root", "exec-root", "config-file"):
            (place,) = [each for each in words if each.startswith(f"--{name}=")]
            assert Path(place.partition("=")[2]).is_relative_to(bare.root)
        assert f"--net={bare.netns_path}" in words
