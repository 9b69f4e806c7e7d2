"""The demo end to end: it passes, leaves nothing, and cleans up when it is interrupted."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import IO, Any

import pytest

from demo.__main__ import perform
from demo.checks import check
from demo.scene import Scene, Step
from demo.screen import Screen
from demo.steps import STEPS
from tests.harness.daemon import ROOT, mounts_below, processes_of

LIMIT = 90.0


class FakeStage:
    def log_tail(self) -> list[str]:
        return ["the last line of the log"]


class FakeEvents:
    def expect(self, labels: tuple[str, ...]) -> None:
        check("events", (), labels)


def performed(step: Step) -> tuple[bool, str]:
    out = StringIO()
    scene = Scene(FakeStage(), FakeEvents(), Screen(out))  # type: ignore[arg-type]
    return perform(scene, 1, step), out.getvalue()


def test_a_step_that_holds_is_told_with_its_finding() -> None:
    passed, text = performed(Step("Do it", lambda _: "found this"))
    assert passed
    assert re.search(r"found this +ok +\d+ ms\n", text)


def test_a_failed_check_shows_both_sides_and_the_daemons_log() -> None:
    def act(_: Scene) -> str:
        check("exit code", 7, 0)
        return "not reached"

    passed, text = performed(Step("Do it", act))
    assert not passed
    for part in ("FAILED  exit code", "expected  7", "got       0", "| the last line of the log"):
        assert part in text


def test_missing_events_fail_a_step() -> None:
    passed, text = performed(Step("Do it", lambda _: "found", ("container die x",)))
    assert not passed
    assert "FAILED  events" in text


@contextmanager
def running_demo() -> Iterator[subprocess.Popen[str]]:
    """`python -m demo`; interrupted at the end if it still runs then."""
    with subprocess.Popen(
        [sys.executable, "-m", "demo"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as demo:
        try:
            yield demo
        finally:
            if demo.poll() is None:
                demo.send_signal(signal.SIGINT)
                demo.wait(LIMIT)


def scratch_of(output: IO[Any]) -> str:
    found = re.search(r"(/\S+/trimaran-demo-\w+)", output.readline())
    assert found is not None
    return found[1]


def assert_nothing_is_left(scratch: str) -> None:
    assert processes_of(scratch) == []
    assert mounts_below(scratch) == []
    assert not Path(scratch).exists()
    assert not (Path("/run/netns") / Path(scratch).name).exists()


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, containerd and runc")


@pytest.mark.integration
@needs_root
def test_every_step_is_checked_and_nothing_is_left() -> None:
    with running_demo() as demo:
        assert demo.stdout is not None
        scratch = scratch_of(demo.stdout)
        text, _ = demo.communicate(timeout=LIMIT)
    assert demo.returncode == 0, text
    assert f"{len(STEPS)} steps, all checked" in text
    assert_nothing_is_left(scratch)


@pytest.mark.integration
@needs_root
def test_an_interrupted_demo_removes_all_it_made() -> None:
    with running_demo() as demo:
        assert demo.stdout is not None
        scratch = scratch_of(demo.stdout)
        for line in demo.stdout:
            if re.search(r"container web +start", line):
                break
        demo.send_signal(signal.SIGINT)
        demo.send_signal(signal.SIGINT)  # an impatient user
        demo.communicate(timeout=LIMIT)
    assert demo.returncode == 130
    assert_nothing_is_left(scratch)
