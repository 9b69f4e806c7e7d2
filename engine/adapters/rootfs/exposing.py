"""An image mounted where others can see it, writable for whoever has the directory beside it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from engine.adapters.rootfs.layers import layers as found
from engine.adapters.rootfs.mounting import short_enough
from engine.adapters.rootfs.openat2 import open_in_root
from engine.adapters.rootfs.syscalls import mount, unmount
from engine.errors import SystemFailure
from engine.models.runtime import Mount

_BIND = 4096 | 16384


def expose(layers: Sequence[Mount], own: Path, subpath: str, point: str) -> None:
    """See the port. A directory of the image is bound over it, so one name stands for both."""
    lowers = found(layers).lowers
    upper, work = own / "diff", own / "work"
    if not upper.exists():
        work.mkdir(parents=True, exist_ok=True)
        _like(lowers[0], own / "making")
        os.rename(own / "making", upper)
    os.makedirs(point, mode=0o700, exist_ok=True)
    options = f"lowerdir={':'.join(lowers)},upperdir={upper},workdir={work}"
    with short_enough(options) as short:
        mount("overlay", point, "overlay", 0, short)
    if subpath:
        try:
            _narrow(point, subpath)
        except OSError as error:
            unmount(point)
            reason = os.strerror(error.errno or 0).lower()
            raise SystemFailure(f"cannot access path {subpath}: {reason}") from error


def _like(other: str, path: Path) -> None:
    """A directory with the owner and mode of another: an overlay's root has those of its upper one."""
    found = os.stat(other)
    path.mkdir(exist_ok=True)
    os.chown(path, found.st_uid, found.st_gid)
    path.chmod(found.st_mode & 0o7777)


def _narrow(point: str, subpath: str) -> None:
    root = os.open(point, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fd = open_in_root(root, subpath, os.O_PATH | os.O_DIRECTORY)
    finally:
        os.close(root)
    try:
        mount(f"/proc/self/fd/{fd}", point, "", _BIND)
    finally:
        os.close(fd)
