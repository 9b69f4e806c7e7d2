"""The engine's own cgroup, which runc makes on the way to a container's and leaves."""

from __future__ import annotations

import os
import time
from pathlib import Path

PATIENCE = 2.0
"""Seconds for the kernel to let go of a cgroup whose last process has just ended."""
POLL = 0.02


def remove_empty(name: str, mountinfo: str | None = None, patience: float = PATIENCE) -> None:
    """Remove a cgroup and those below it from every hierarchy, where no process is in them. Blocks."""
    table = Path("/proc/self/mountinfo").read_text() if mountinfo is None else mountinfo
    left = [point + name for point in hierarchies(table)]
    deadline = time.monotonic() + patience
    while left := [top for top in left if not _remove(top)]:
        if time.monotonic() > deadline or any(map(_in_use, left)):
            return
        time.sleep(POLL)


def _remove(top: str) -> bool:
    """From the leaves; True when it has gone, or was never there."""
    for path, _, _ in os.walk(top, topdown=False):
        try:
            os.rmdir(path)
        except OSError:
            continue  # in use, or not yet let go of
    return not os.path.exists(top)


def _in_use(top: str) -> bool:
    for path, _, _ in os.walk(top):
        try:
            if Path(path, "cgroup.procs").read_text().strip():
                return True
        except OSError:
            continue  # it is just going
    return False


def hierarchies(mountinfo: str) -> list[str]:
    """Where the cgroup file systems are mounted, v1 and v2."""
    found = []
    for line in mountinfo.splitlines():
        fields, _, kind = line.partition(" - ")
        if kind.startswith(("cgroup ", "cgroup2 ")):
            found.append(fields.split()[4])
    return found
