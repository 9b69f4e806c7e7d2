"""The free disk space that loads and pulls leave: asked before and while they write."""

from __future__ import annotations

import os
import time
from pathlib import Path

from engine.errors import SystemFailure

FRESH = 0.1
"""Seconds for which a look at the file system is good enough."""


class DiskReserve:
    def __init__(self, root: Path, reserve: int) -> None:
        self._root = root
        self._reserve = reserve
        self._free = 0
        self._seen = -FRESH

    def check(self, needed: int = 0) -> None:
        """Raises SystemFailure when less than the reserve would be left after `needed` bytes more."""
        now = time.monotonic()
        if now - self._seen >= FRESH:
            found = os.statvfs(self._root)
            self._free, self._seen = found.f_bavail * found.f_frsize, now
        if self._reserve and self._free - needed < self._reserve:
            raise SystemFailure(
                f"not enough disk space under {self._root}: {_size(self._free)} are free, "
                f"{_size(needed)} are needed and {_size(self._reserve)} are reserved (storage-collection)"
            )


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
