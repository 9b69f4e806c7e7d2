"""A limit on a process's memory, by a cgroup of the test's own."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


class Limited:
    """The cgroup, in the hierarchy of version 1 or 2."""

    def __init__(self, path: Path, *, old: bool) -> None:
        self.path = path
        self._limit = "memory.limit_in_bytes" if old else "memory.max"
        self._usage = "memory.usage_in_bytes" if old else "memory.current"

    def take(self, pid: int) -> None:
        (self.path / "cgroup.procs").write_text(f"{pid}")

    def limit(self, size: int) -> None:
        (self.path / self._limit).write_text(f"{size}")

    def usage(self) -> int:
        return int((self.path / self._usage).read_text())


@contextlib.contextmanager
def limited(name: str) -> Iterator[Limited | None]:
    """None where this machine lets nobody limit memory."""
    old = (ROOT / "memory").is_dir()
    path = (ROOT / "memory" if old else ROOT) / name
    try:
        path.mkdir()
    except OSError:
        yield None
        return
    try:
        group = Limited(path, old=old)
        yield group if (path / group._limit).exists() else None
    finally:
        deadline = time.monotonic() + 10
        while path.exists():
            try:
                path.rmdir()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
