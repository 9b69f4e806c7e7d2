"""The pid file: one daemon for each, and a stale one is replaced."""

from __future__ import annotations

import os
from pathlib import Path

from engine.errors import SystemFailure


class PidFile:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = False

    def write(self) -> None:
        """SystemFailure with dockerd's text when a live process is named in it (row 23)."""
        found = self._read()
        if found and found != os.getpid() and os.path.exists(f"/proc/{found}"):
            raise SystemFailure(
                f"pid file found, ensure docker is not running or delete {self._path}"
            )
        self._path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        self._path.write_text(f"{os.getpid()}")
        self._written = True

    def _read(self) -> int:
        try:
            text = self._path.read_text().strip()
        except OSError:
            return 0
        return int(text) if text.isdecimal() else 0

    def remove(self) -> None:
        if self._written and self._read() == os.getpid():
            self._path.unlink(missing_ok=True)
