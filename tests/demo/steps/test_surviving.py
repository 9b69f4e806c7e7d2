from __future__ import annotations

import os
from pathlib import Path

import pytest

from demo.checks import CheckFailed
from demo.steps import surviving
from demo.steps.serving import PAGE
from demo.steps.surviving import go_on, kill_daemon, process_of, start_time, ticks
from tests.demo.theatre import Theatre, said

RUNNING = {"State": {"Status": "running", "Pid": os.getpid()}}
TICKS = [f"tick {number}" for number in range(1, 4)]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surviving, "AWAY_SECONDS", 0)


def theatre(*, running: int = 2) -> Theatre:
    made = Theatre(
        inspected={"clock": RUNNING},
        logs={"clock": (TICKS, [*TICKS, "tick 4"])},
        execs={"clock": said(b"42\n", code=5)},
        answers={"GET /info": {"ContainersRunning": running}},
    )
    made.stage.pages = [PAGE]
    return made


def test_containers_do_not_notice_that_the_daemon_is_killed() -> None:
    at = theatre()
    assert f"pid {os.getpid()}" in kill_daemon(at.scene)
    assert at.stage.kills == 1
    assert "daemon 100 killed; daemon 101 answered after 250 ms" in at.out.getvalue()


def test_container_that_is_lost_or_another_process_fails() -> None:
    with pytest.raises(CheckFailed):
        kill_daemon(theatre(running=1).scene)
    at = theatre()
    at.api.inspected["clock"] = (RUNNING, {"State": {"Status": "running", "Pid": os.getppid()}})
    with pytest.raises(CheckFailed):
        kill_daemon(at.scene)
    at = theatre()
    at.stage.pages = ["connection refused"]
    with pytest.raises(CheckFailed):
        kill_daemon(at.scene)


def test_everything_goes_on() -> None:
    assert go_on(theatre().scene).startswith("4 log lines without a gap")


def test_gap_in_the_log_or_a_reader_that_was_not_cut_fails() -> None:
    at = theatre()
    at.api.logs["clock"] = (TICKS, [*TICKS, "tick 5"])  # type: ignore[assignment]
    with pytest.raises(CheckFailed):
        go_on(at.scene)
    at = theatre()
    at.events.connections = 1
    with pytest.raises(CheckFailed):
        go_on(at.scene)


def test_process_is_told_by_pid_and_start_time() -> None:
    at = theatre()
    assert process_of(at.scene, "clock") == (os.getpid(), start_time(os.getpid()))
    assert start_time(os.getpid()) == Path("/proc/self/stat").read_text().split(") ")[1].split()[19]
    at.api.inspected["clock"] = {"State": {"Status": "exited", "Pid": 0}}
    with pytest.raises(CheckFailed):
        process_of(at.scene, "clock")


def test_ticks_are_the_numbers_in_the_log() -> None:
    assert ticks(theatre().scene) == [1, 2, 3]
