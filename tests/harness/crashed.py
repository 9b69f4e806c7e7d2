"""The test's side of a daemon that kills itself: arm a crash point, see it hit, start again in time."""

from __future__ import annotations

import subprocess
import time
from collections import Counter

from tests.harness.daemon import Daemon

START_TIME = 10.0
"""Seconds in which a daemon answers again after a crash."""


class CrashingDaemon(Daemon):
    """`hits` counts how often it ended at which crash point ("effect when")."""

    module = "tests.harness.crashing"

    def __init__(self, *arguments: str) -> None:
        super().__init__(*arguments)
        self._crash = self.root / "crash"
        self._crash.mkdir()
        self.hits: Counter[str] = Counter()

    def start(self, *extra: str, environment: dict[str, str] | None = None) -> None:
        super().start(
            *extra, environment={"TRIMARAN_CRASH": str(self._crash), **(environment or {})}
        )

    def effects(self) -> list[str]:
        """All effects since the last `forget`."""
        return (self._crash / "trace").read_text().splitlines()

    def forget(self) -> None:
        with open(self._crash / "trace", "r+") as trace:
            trace.truncate(0)

    def arm(self, effect: str, when: str, nth: int) -> None:
        (self._crash / "hit").unlink(missing_ok=True)
        prepared = self._crash / "arm.new"
        prepared.write_text(f"{effect} {when} {nth}")
        prepared.replace(self._crash / "arm")

    def disarm(self) -> None:
        (self._crash / "arm").unlink(missing_ok=True)

    def crashed(self, seconds: float = 0.0) -> bool:
        """Whether it has ended where it was to end, waiting a while for that."""
        assert self.process is not None
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        hit = (self._crash / "hit").read_text()
        self.hits[hit.rsplit(" ", 1)[0]] += 1
        return True

    def start_again(self) -> None:
        """After a crash, unarmed; AssertionError when it takes too long."""
        self.disarm()
        began = time.monotonic()
        self.start()
        took = time.monotonic() - began
        assert took < START_TIME, f"the start after the crash took {took:.1f} s"
