"""Mounting containerd's mounts for as long as a descriptor to their root is held, out of everybody's sight.

The mount point is detached as soon as it is opened: it lives by the descriptor, so that a daemon that
dies leaves no mount.
"""

from __future__ import annotations

import ctypes
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from engine.models.runtime import Mount

_libc = ctypes.CDLL(None, use_errno=True)
MNT_DETACH = 2
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


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """mount(2); OSError when the kernel refuses."""
    arguments = [os.fsencode(each) for each in (source, target, kind)]
    if _libc.mount(*arguments, ctypes.c_ulong(flags), os.fsencode(data)) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), target)


def unmount(target: str, flags: int = MNT_DETACH) -> None:
    """umount2(2); OSError when the kernel refuses."""
    if _libc.umount2(os.fsencode(target), flags) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), target)


@contextmanager
def mounted(mounts: Sequence[Mount], scratch: Path) -> Iterator[int]:
    """A descriptor of the mounted root. Blocks for well under a millisecond; use it in a worker thread."""
    point = tempfile.mkdtemp(dir=scratch)
    try:
        for each in mounts:
            flags, data = _split(each.options)
            mount(each.source, os.path.join(point, each.target.lstrip("/")), each.type, flags, data)
        fd = os.open(point, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        unmount(point)
    finally:
        os.rmdir(point)
    try:
        yield fd
    finally:
        os.close(fd)


def _split(options: Sequence[str]) -> tuple[int, str]:
    flags, data = 0, []
    for option in options:
        if option in _FLAGS:
            flags |= _FLAGS[option]
        else:
            data.append(option)
    return flags, ",".join(data)
