"""Mounting containerd's mounts for as long as a descriptor to their root is held, out of everybody's sight.

The mount point is detached as soon as it is opened: it lives by the descriptor, so that a daemon that
dies leaves no mount.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from engine.adapters.rootfs.syscalls import mount, unmount
from engine.models.runtime import Mount

PAGE = 4000
_FLAGS = {
    "ro": 1,
    "nosuid": 2,
    "nodev": 4,
    "noexec": 8,
    "bind": 4096,
    "rbind": 4096 | 16384,
    "private": 1 << 18,
    "rprivate": (1 << 18) | 16384,
    "rw": 0,
}


@contextmanager
def mounted(mounts: Sequence[Mount], scratch: Path) -> Iterator[int]:
    """A descriptor of the mounted root. Blocks for well under a millisecond; use it in a worker thread."""
    point = tempfile.mkdtemp(dir=scratch)
    try:
        mount_all(mounts, point)
        fd = os.open(point, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        unmount(point)
    finally:
        os.rmdir(point)
    try:
        yield fd
    finally:
        os.close(fd)


def mount_all(mounts: Sequence[Mount], point: str) -> None:
    """Mount them below `point`, as containerd means them."""
    for each in mounts:
        flags, data = _split(each.options)
        place = os.path.join(point, each.target.lstrip("/"))
        with short_enough(data) as short:
            mount(each.source, place, each.type, flags, short)


@contextmanager
def short_enough(data: str) -> Iterator[str]:
    """mount(2) takes one page of options: the layers of a tall image are named by descriptors."""
    if len(data) < PAGE:
        yield data
        return
    fds: list[int] = []
    try:
        yield ",".join(_by_descriptor(option, fds) for option in data.split(","))
    finally:
        for fd in fds:
            os.close(fd)


def _by_descriptor(option: str, fds: list[int]) -> str:
    name, _, value = option.partition("=")
    if name != "lowerdir":
        return option
    opened = [os.open(each, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) for each in value.split(":")]
    fds += opened
    return "lowerdir=" + ":".join(f"/proc/self/fd/{fd}" for fd in opened)


def _split(options: Sequence[str]) -> tuple[int, str]:
    flags, data = 0, []
    for option in options:
        if option in _FLAGS:
            flags |= _FLAGS[option]
        else:
            data.append(option)
    return flags, ",".join(data)
