"""The demo: every step in its order, until one fails. Exit code 0 only if each was checked."""

from __future__ import annotations

import http.client
import os
import signal
import sys
import time

from demo.checks import CheckFailed
from demo.client import ApiError
from demo.scene import Scene, Step
from demo.screen import Screen
from demo.stage import Stage, StageError
from demo.steps import STEPS
from demo.watch import EventWatch

FAILED, INTERRUPTED = 1, 130


def main() -> int:
    """An exit code."""
    screen = Screen(sys.stdout)
    if os.geteuid() != 0:
        screen.say("the demo runs real containers: it needs root")
        return FAILED
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    begin = time.monotonic()
    try:
        with Stage() as stage:
            passed = play(stage, screen)
    except StageError as error:
        screen.failure(str(error))
        return FAILED
    except KeyboardInterrupt:
        screen.say("\ninterrupted; everything has been removed")
        return INTERRUPTED
    if not passed:
        return FAILED
    screen.say(f"\n{len(STEPS)} steps, all checked, in {time.monotonic() - begin:.1f} s.")
    return 0


def play(stage: Stage, screen: Screen) -> bool:
    """All steps on a stage; False when one failed, which has been told then."""
    screen.say(
        f"Trimaran's demo. Scratch directory and network namespace: {stage.root}, {stage.netns}"
    )
    scene = Scene(stage, EventWatch(stage.api, screen.event), screen)
    try:
        return all(perform(scene, number, step) for number, step in enumerate(STEPS, 1))
    finally:
        scene.events.close()


def perform(scene: Scene, number: int, step: Step) -> bool:
    """One step, with its events."""
    scene.screen.title(number, step.title)
    begin = time.monotonic()
    try:
        found = step.act(scene)
        scene.events.expect(step.events)
    except CheckFailed as error:
        scene.screen.failure(error.what, error.expected, error.got)
    except (ApiError, StageError, OSError, http.client.HTTPException) as error:
        scene.screen.failure(f"{type(error).__name__}: {error}")
    else:
        scene.screen.result(found, time.monotonic() - begin)
        return True
    scene.screen.quote("the daemon's log ends with", scene.stage.log_tail())
    return False


if __name__ == "__main__":
    sys.exit(main())
