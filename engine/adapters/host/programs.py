"""The programs beside the engine: their versions."""

from __future__ import annotations

import re
import subprocess

import trio

DEADLINE = 5.0


class RuncVersion:
    """`runc --version`, asked once."""

    def __init__(self, binary: str) -> None:
        self._binary = binary
        self._known: tuple[str, str] | None = None

    async def __call__(self) -> tuple[str, str]:
        """(version, commit); empty where the program is missing."""
        if self._known is None:
            self._known = await trio.to_thread.run_sync(self._ask)
        return self._known

    def _ask(self) -> tuple[str, str]:
        try:
            done = subprocess.run(
                [self._binary, "--version"],
                capture_output=True,
                text=True,
                timeout=DEADLINE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return "", ""
        return _field(r"version (\S+)", done.stdout), _field(r"commit: (\S+)", done.stdout)


def _field(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else ""
