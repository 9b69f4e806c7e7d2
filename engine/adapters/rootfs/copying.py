"""Copying a tree of files between two open directories: owners, modes, times, xattrs, links, devices, holes.

Everything is reached through descriptors and names that are never followed, so that a link in the
source cannot lead out of it. The target must be nobody else's while it is filled.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager

CHUNK = 8 << 20
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_UNSUPPORTED = (errno.ENOTSUP, errno.EOPNOTSUPP)

Pause = Callable[[], object]


class TreeCopy:
    """One copy. `pause` is called between pieces of work, and may raise to end it."""

    def __init__(self, target: int, pause: Pause) -> None:
        self._root = target
        self._pause = pause
        self._links: dict[tuple[int, int], str] = {}

    def run(self, source: int) -> None:
        """Copy what is below `source`, and the directory's own attributes. OSError."""
        self._directory(source, self._root, "")

    def _directory(self, source: int, target: int, path: str) -> None:
        with os.scandir(source) as entries:
            names = [entry.name for entry in entries]
        for name in names:
            self._pause()
            self._entry(source, target, name, f"{path}{name}")
        copy_attributes(source, target)

    def _entry(self, source: int, target: int, name: str, path: str) -> None:
        found = os.stat(name, dir_fd=source, follow_symlinks=False)
        kind = stat.S_IFMT(found.st_mode)
        if kind == stat.S_IFDIR:
            self._subdirectory(source, target, name, path)
            return
        if found.st_nlink > 1 and self._linked(found, target, name, path):
            return
        if kind == stat.S_IFREG:
            self._file(source, target, name)
        elif kind == stat.S_IFLNK:
            os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
            _special_attributes(found, source, target, name)
        else:
            os.mknod(name, found.st_mode, found.st_rdev, dir_fd=target)
            _special_attributes(found, source, target, name)

    def _subdirectory(self, source: int, target: int, name: str, path: str) -> None:
        os.mkdir(name, 0o700, dir_fd=target)
        below = os.open(name, _DIRECTORY, dir_fd=source)
        try:
            copy = os.open(name, _DIRECTORY, dir_fd=target)
            try:
                self._directory(below, copy, f"{path}/")
            finally:
                os.close(copy)
        finally:
            os.close(below)

    def _linked(self, found: os.stat_result, target: int, name: str, path: str) -> bool:
        """Whether it is another name of a file that was copied already."""
        first = self._links.setdefault((found.st_dev, found.st_ino), path)
        if first == path:
            return False
        os.link(first, name, src_dir_fd=self._root, dst_dir_fd=target, follow_symlinks=False)
        return True

    def _file(self, source: int, target: int, name: str) -> None:
        reader = os.open(name, _READ, dir_fd=source)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            writer = os.open(name, flags, 0o600, dir_fd=target)
            try:
                self._contents(reader, writer)
                copy_attributes(reader, writer)
            finally:
                os.close(writer)
        finally:
            os.close(reader)

    def _contents(self, reader: int, writer: int) -> None:
        """The data between the holes."""
        size = os.fstat(reader).st_size
        position = 0
        while position < size:
            try:
                start = os.lseek(reader, position, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:  # nothing but a hole is left
                    break
                raise
            end = os.lseek(reader, start, os.SEEK_HOLE)
            os.lseek(writer, start, os.SEEK_SET)
            position = self._range(reader, writer, start, end)
        os.ftruncate(writer, size)

    def _range(self, reader: int, writer: int, start: int, end: int) -> int:
        while start < end:
            self._pause()
            sent = os.sendfile(writer, reader, start, min(CHUNK, end - start))
            if sent == 0:  # it shrank
                return end
            start += sent
        return end


def copy_attributes(source: int, target: int) -> None:
    """Owner, xattrs, mode and times of an open file or directory; chown takes set-uid away, so it is first."""
    found = os.fstat(source)
    os.chown(target, found.st_uid, found.st_gid)
    copy_xattrs(source, target)
    os.chmod(target, stat.S_IMODE(found.st_mode))
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))


def _special_attributes(found: os.stat_result, source: int, target: int, name: str) -> None:
    """The same for what must not be opened."""
    os.chown(name, found.st_uid, found.st_gid, dir_fd=target, follow_symlinks=False)
    copy_xattrs(f"/proc/self/fd/{source}/{name}", f"/proc/self/fd/{target}/{name}")
    if not stat.S_ISLNK(found.st_mode):
        os.chmod(name, stat.S_IMODE(found.st_mode), dir_fd=target)
    times = (found.st_atime_ns, found.st_mtime_ns)
    os.utime(name, ns=times, dir_fd=target, follow_symlinks=False)


def copy_xattrs(source: int | str, target: int | str) -> None:
    """A file system that has none, or not this kind, goes without."""
    follow = isinstance(source, int)
    names: list[str] = []
    with _where_supported():
        names = os.listxattr(source, follow_symlinks=follow)
    for name in names:
        with _where_supported():
            value = os.getxattr(source, name, follow_symlinks=follow)
            os.setxattr(target, name, value, follow_symlinks=follow)


@contextmanager
def _where_supported() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
