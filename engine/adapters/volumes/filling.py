"""Copy-up, crash safe: into a staging directory, then over in whole entries. Blocks; for worker threads.

`filling` is a copy that may be half done; renamed to `filled` it is complete, and moving its entries
over may be gone on with by whoever finds it. A running container that has the volume mounted sees
entries appear, never a directory that was exchanged under it.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from engine.adapters.rootfs.copying import TreeCopy, copy_attributes
from engine.adapters.rootfs.openat2 import open_in_root
from engine.domain.volumes.ports import NotADirectory

FILLING = ".trimaran-filling"
FILLED = ".trimaran-filled"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def fill(root_fd: int, path: str, target: int, staging: int, pause: Callable[[], object]) -> None:
    """Copy `path` of the root into the open directory `target` if that is empty.

    `staging` is an open directory in the target's file system. NotADirectory, OSError.
    """
    recover(staging, target)
    if not is_empty(target):
        return
    with _source(root_fd, path) as source:
        if source is None:
            return
        os.mkdir(FILLING, 0o700, dir_fd=staging)
        try:
            with directory(FILLING, staging) as copy:
                TreeCopy(copy, pause).run(source)
            os.rename(FILLING, FILLED, src_dir_fd=staging, dst_dir_fd=staging)
        except BaseException:
            _delete(FILLING, staging)
            raise
    _move_over(staging, target)


def recover(staging: int, target: int) -> None:
    """Finish or undo what a crash left of an earlier copy."""
    _delete(FILLING, staging)
    with suppress(FileNotFoundError):
        _move_over(staging, target)


def is_empty(target: int) -> bool:
    with os.scandir(target) as entries:
        return all(entry.name in (FILLING, FILLED) for entry in entries)


@contextmanager
def directory(name: str, parent: int | None = None) -> Iterator[int]:
    """An open directory that is no link."""
    fd = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _source(root_fd: int, path: str) -> Iterator[int | None]:
    """None where the root has nothing there."""
    try:
        fd = open_in_root(root_fd, path, _DIRECTORY)
    except OSError as error:
        if error.errno == errno.ENOTDIR:
            raise NotADirectory(_path_of(root_fd, path)) from error
        if error.errno != errno.ENOENT:
            raise
        yield None
        return
    try:
        yield fd
    finally:
        os.close(fd)


def _path_of(root_fd: int, path: str) -> str:
    """Where links lead to inside the root, as far as they can be followed."""
    try:
        fd = open_in_root(root_fd, path, os.O_PATH)
    except OSError:
        return path
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    finally:
        os.close(fd)


def _move_over(staging: int, target: int) -> None:
    """What somebody else has put there in the meantime stays."""
    with directory(FILLED, staging) as copy:
        for name in os.listdir(copy):
            try:
                os.stat(name, dir_fd=target, follow_symlinks=False)
            except FileNotFoundError:
                os.rename(name, name, src_dir_fd=copy, dst_dir_fd=target)
        copy_attributes(copy, target)
    _delete(FILLED, staging)


def _delete(name: str, parent: int) -> None:
    with suppress(FileNotFoundError):
        shutil.rmtree(name, dir_fd=parent)
