"""The host's device nodes, as containers get them. Blocks; for worker threads."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

import msgspec

from engine.models.devices import DeviceNode

SKIPPED = frozenset(
    {"pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev", "console", ".containerenv"}
)
"""Below /dev: what every container has of its own (libcontainer's list)."""


def found_at(path: str) -> list[DeviceNode]:
    """The node at `path`, symlinks followed, or all nodes below it; OSError, empty for anything else."""
    real = os.path.realpath(path)
    if stat.S_ISDIR(os.stat(real).st_mode):
        below = _below(real, skipped=frozenset())
        return [
            msgspec.structs.replace(each, suffix=each.path.removeprefix(real)) for each in below
        ]
    node = _node(real)
    return [node] if node is not None else []


def all_of_host() -> list[DeviceNode]:
    return list(_below("/dev", skipped=SKIPPED))


def block_numbers(path: str) -> tuple[int, int]:
    """Of the device that `path` is; OSError when it is not there."""
    device = os.stat(path).st_rdev
    return os.major(device), os.minor(device)


def _below(directory: str, *, skipped: frozenset[str]) -> Iterator[DeviceNode]:
    for entry in sorted(os.scandir(directory), key=lambda each: each.name):
        if entry.name in skipped:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path, skipped=skipped)
        elif (node := _node(entry.path)) is not None:
            yield node


def _node(path: str) -> DeviceNode | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    if not (stat.S_ISCHR(found.st_mode) or stat.S_ISBLK(found.st_mode)):
        return None
    return DeviceNode(
        path=path,
        type="c" if stat.S_ISCHR(found.st_mode) else "b",
        major=os.major(found.st_rdev),
        minor=os.minor(found.st_rdev),
        mode=stat.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
    )
