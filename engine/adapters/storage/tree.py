"""What files and directories take on disk, as `du -x` counts it. Blocks; for worker threads."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Collection
from pathlib import Path

from engine.adapters.volumes.mounts import mounts_at_or_below
from engine.domain.storage.ports import Unit
from engine.errors import SystemFailure

Pause = Callable[[], object]

BLOCK = 512


class Survey:
    """One walk. What vanishes meanwhile counts nothing; what is mounted below the root is not the root's."""

    def __init__(self, root: Path, mounted: Collection[str], pause: Pause) -> None:
        self._root = str(root)
        self._mounted = mounted
        self._pause = pause
        self._seen: set[tuple[int, int]] = set()

    def units(self, splits: Callable[[str], bool]) -> list[Unit]:
        found: list[Unit] = []
        queue = [""]
        while queue:
            path = queue.pop()
            if not splits(path):
                found.append(Unit(path, self._whole(path)))
                continue
            found.append(Unit(path, self._own(os.path.join(self._root, path))))
            for entry in self._entries(path):
                below = f"{path}/{entry.name}" if path else entry.name
                if entry.is_dir(follow_symlinks=False):
                    queue.append(below)
                else:
                    found.append(Unit(below, self._own(entry.path)))
        return found

    def _whole(self, path: str) -> int:
        total = self._own(os.path.join(self._root, path))
        queue = [path]
        while queue:
            self._pause()
            for entry in self._entries(queue.pop()):
                if entry.is_dir(follow_symlinks=False):
                    if entry.path not in self._mounted:
                        queue.append(entry.path)
                        total += self._own(entry.path)
                else:
                    total += self._own(entry.path)
        return total

    def _entries(self, path: str) -> list[os.DirEntry[str]]:
        here = os.path.join(self._root, path)
        if path and here in self._mounted:
            return []
        try:
            with os.scandir(here) as entries:
                return list(entries)
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _own(self, path: str) -> int:
        if path != self._root and path in self._mounted:
            return 0
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            return 0
        if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode):
            if (key := (found.st_dev, found.st_ino)) in self._seen:
                return 0
            self._seen.add(key)
        return found.st_blocks * BLOCK


def survey(root: Path, splits: Callable[[str], bool], pause: Pause) -> list[Unit]:
    return Survey(root, frozenset(mounts_at_or_below(str(root))), pause).units(splits)


def uploads(folder: Path) -> dict[str, str]:
    """containerd's uploads: directory name -> reference (its file has `NAMESPACE/NUMBER/REFERENCE`)."""
    found = {}
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return {}
    for name in names:
        try:
            text = (folder / name / "ref").read_text()
        except (OSError, UnicodeDecodeError):
            continue
        found[name] = text.split("/", 2)[-1]
    return found


def remove(root: Path, path: str) -> None:
    """Raises SystemFailure for a path that is not below the root, or has a mount in it; OSError."""
    target = root / path
    below = path and target.is_relative_to(root) and ".." not in target.parts
    if not below or os.path.realpath(target.parent) != str(target.parent):
        raise SystemFailure(f"{path!r} is not below {root}")
    if busy := mounts_at_or_below(str(target)):
        raise SystemFailure(f"unlinkat {busy[0]}: device or resource busy")
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)
