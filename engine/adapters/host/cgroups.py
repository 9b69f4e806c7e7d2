"""The engine's own cgroup, which runc makes on the way to a container's and leaves."""

from __future__ import annotations

import os
from pathlib import Path


def remove_empty(name: str, mountinfo: str | None = None) -> None:
    """Remove a cgroup from every hierarchy where nothing is in it; what is in use stays."""
    table = Path("/proc/self/mountinfo").read_text() if mountinfo is None else mountinfo
    for point in hierarchies(table):
        try:
            os.rmdir(point + name)
        except OSError:
            continue  # not in this hierarchy, or in use


def hierarchies(mountinfo: str) -> list[str]:
    """Where the cgroup file systems are mounted, v1 and v2."""
    found = []
    for line in mountinfo.splitlines():
        fields, _, kind = line.partition(" - ")
        if kind.startswith(("cgroup ", "cgroup2 ")):
            found.append(fields.split()[4])
    return found
