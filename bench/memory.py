"""The most memory that some processes had at once, sampled meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Set
from pathlib import Path
from typing import Self

INTERVAL = 0.02


class Watch:
    """`with Watch(lambda: {pid}) as watch:`, then `watch.peak_mb`."""

    def __init__(self, pids: Callable[[], Set[int]]) -> None:
        self._pids = pids
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.peak_mb = 0.0

    def __enter__(self) -> Self:
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(INTERVAL):
            self._look()

    def _look(self) -> None:
        self.peak_mb = max(self.peak_mb, sum(map(resident_mb, self._pids())))


def resident_mb(pid: int) -> float:
    """0 for one that has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def family(pids: Set[int]) -> set[int]:
    """These and all that descend from them."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            children.setdefault(parent_of(int(entry.name)), []).append(int(entry.name))
    found: set[int] = set()
    waiting = list(pids)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children.get(pid, [])
    return found


def parent_of(pid: int) -> int:
    """0 for one that has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[1])
