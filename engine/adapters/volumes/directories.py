"""The directories ROOT/NAME/_data: made, put away in one step, deleted, measured. Blocks; for worker threads.

Names come checked (no slash, no leading dot), so that a name below the root is never anything else.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

from engine.adapters.rootfs.syscalls import unmount
from engine.adapters.volumes.mounts import mounts_at_or_below, reason_of
from engine.errors import SystemFailure

DATA = "_data"
STOWED = ".removing"


class Directories:
    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, name: str) -> Path:
        return self.root / name

    def data(self, name: str) -> Path:
        return self.root / name / DATA

    def present(self) -> frozenset[str]:
        return frozenset(
            entry.name
            for entry in self.root.iterdir()
            if not entry.name.startswith(".") and _is_directory(entry / DATA)
        )

    def stowed(self) -> frozenset[str]:
        place = self.root / STOWED
        return frozenset(os.listdir(place)) if place.is_dir() else frozenset()

    def mounted(self) -> frozenset[str]:
        points = set(mounts_at_or_below(str(self.root)))
        return frozenset(name for name in self.present() if str(self.data(name)) in points)

    def make(self, name: str) -> None:
        """What is there already is left as it is."""
        for path, mode in ((self.path(name), 0o701), (self.data(name), 0o755)):
            try:
                path.mkdir()
                path.chmod(mode)
            except FileExistsError:
                if not _is_directory(path):
                    raise SystemFailure(f"mkdir {path}: file exists") from None
            except OSError as error:
                raise SystemFailure(f"mkdir {path}: {reason_of(error)}") from error

    def stow(self, name: str) -> None:
        busy = mounts_at_or_below(str(self.path(name)))
        if busy:
            raise SystemFailure(f"unlinkat {busy[0]}: device or resource busy")
        place = self.root / STOWED
        place.mkdir(mode=0o700, exist_ok=True)
        self.discard(name)
        if self.path(name).exists():
            self.path(name).rename(place / name)

    def bring_back(self, name: str) -> None:
        (self.root / STOWED / name).rename(self.path(name))

    def discard(self, name: str) -> None:
        place = self.root / STOWED / name
        if _is_directory(place):
            shutil.rmtree(place)

    def size(self, name: str, pause: Callable[[], object]) -> int:
        """Hard links count once; what vanishes meanwhile counts nothing."""
        total, seen = 0, set[tuple[int, int]]()
        for _, _, files, fd in os.fwalk(self.data(name)):
            pause()
            for file in files:
                try:
                    found = os.stat(file, dir_fd=fd, follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if (found.st_dev, found.st_ino) not in seen:
                    seen.add((found.st_dev, found.st_ino))
                    total += found.st_size
        return total

    def unmount(self, name: str) -> None:
        """The volume's own mount, however often it is there."""
        point = str(self.data(name))
        while point in mounts_at_or_below(point):
            unmount(point)


def _is_directory(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False
