"""Copying a tree over what is there: directories are united, anything else is replaced.

A directory that is new in the target can be left for later (`Later`): when the mount is gone, it is
filled below the layer's own directory, where a file of the context need not be copied, only linked.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from dataclasses import dataclass, field

from engine.adapters.rootfs.copying import copy_xattrs

__all__ = ["Later", "Merge", "Owner", "clear"]

PIECE = 8 << 20
Owner = tuple[int, int]
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SPECIAL = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX


@dataclass
class Later:
    """New directories of the layer in `upper`, each with the private tree that it is to be filled from."""

    upper: str
    owner: Owner | None = None
    waiting: list[tuple[str, str, bool]] = field(default_factory=list)

    def put(self, source: str, path: str, *, attributes: bool) -> None:
        """`path` is the directory's, below the root, without any link in it; nothing is in it yet."""
        self.waiting.append((source, path, attributes))

    def fill(self) -> None:
        """Once nobody has the layer mounted, since an overlay's directories must not change beneath it."""
        waiting, self.waiting = self.waiting, []
        for source, path, attributes in waiting:
            reader = os.open(source, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                writer = os.open(os.path.join(self.upper, path.lstrip("/")), _DIRECTORY)
                try:
                    merge = Merge(self.owner, new=True)
                    merge.children(reader, writer)
                    if attributes:
                        merge.attributes(reader, writer)
                finally:
                    os.close(writer)
            finally:
                os.close(reader)


class Merge:
    """One copy. `new`: into an empty directory of a layer, from files that nobody changes any more."""

    def __init__(self, owner: Owner | None, *, later: Later | None = None, new: bool = False):
        self._owner = owner
        self._later = later
        self._new = new
        self._linking = new
        self._links: dict[tuple[int, int], tuple[int, str]] = {}
        self._held: list[int] = []

    def children(self, source: int, target: int, places: tuple[str, str] = ("", "")) -> None:
        """`places` are the paths of both, of the source for the host, of the target below its root."""
        with os.scandir(source) as entries:
            names = sorted(entry.name for entry in entries)
        for name in names:
            self._entry(source, target, name, places)

    def _entry(self, source: int, target: int, name: str, places: tuple[str, str]) -> None:
        found = os.stat(name, dir_fd=source, follow_symlinks=False)
        is_directory = stat.S_ISDIR(found.st_mode)
        if not self._new:
            clear(target, name, keep_directory=is_directory)
        if is_directory:
            self._directory(source, target, name, (f"{places[0]}/{name}", f"{places[1]}/{name}"))
        elif stat.S_ISREG(found.st_mode):
            if self._linked_over(found, source, target, name):
                return
            if found.st_nlink > 1 and self._linked(found, target, name):
                return
            self._regular(os.open(name, _READ, dir_fd=source), target, name)
        elif stat.S_ISLNK(found.st_mode):
            os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
            self._special(found, target, name)
        elif not stat.S_ISSOCK(found.st_mode):
            os.mknod(name, found.st_mode, found.st_rdev, dir_fd=target)
            self._special(found, target, name)

    def _directory(self, source: int, target: int, name: str, places: tuple[str, str]) -> None:
        is_new = False
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=target)
            is_new = True
        if is_new and self._later is not None:
            self._later.put(*places, attributes=True)
            return
        below = os.open(name, _DIRECTORY, dir_fd=source)
        try:
            copy = os.open(name, _DIRECTORY, dir_fd=target)
            try:
                self.children(below, copy, places)
                self.attributes(below, copy)
            finally:
                os.close(copy)
        finally:
            os.close(below)

    def _linked_over(self, found: os.stat_result, source: int, target: int, name: str) -> bool:
        """Whether the context's file itself, which is just as the layer wants it, is now in the layer.

        No file gets into two layers, also not when two stages copy it at the same time.
        """
        plain = found.st_nlink == 1 and not found.st_mode & _SPECIAL
        if not self._linking or not plain or self._owner != (found.st_uid, found.st_gid):
            return False
        if _has_xattrs(source, name):
            return False
        try:
            os.link(name, name, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
        except OSError:  # another file system: there is nothing to win here
            self._linking = False
            return False
        if os.stat(name, dir_fd=target, follow_symlinks=False).st_nlink == 2:
            return True
        os.unlink(name, dir_fd=target)
        return False

    def _linked(self, found: os.stat_result, target: int, name: str) -> bool:
        """Whether it is another name of a file that this copy has made."""
        key = (found.st_dev, found.st_ino)
        if key in self._links:
            directory, first = self._links[key]
            os.link(first, name, src_dir_fd=directory, dst_dir_fd=target, follow_symlinks=False)
            return True
        held = os.dup(target)
        self._held.append(held)
        self._links[key] = (held, name)
        return False

    def file(self, source: str, target: int, name: str) -> None:
        """One file by its path, whatever kind it is."""
        found = os.lstat(source)
        if stat.S_ISREG(found.st_mode):
            self._regular(os.open(source, _READ), target, name)
            return
        os.mknod(name, found.st_mode, found.st_rdev, dir_fd=target)
        self._special(found, target, name)

    def _regular(self, reader: int, target: int, name: str) -> None:
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            writer = os.open(name, flags, 0o600, dir_fd=target)
            try:
                left = os.fstat(reader).st_size
                while left and (sent := os.sendfile(writer, reader, None, min(left, PIECE))):
                    left -= sent
                self.attributes(reader, writer)
            finally:
                os.close(writer)
        finally:
            os.close(reader)

    def attributes(self, source: int, target: int) -> None:
        """The mode before the last change of owner, which takes set-uid away, as dockerd's copy does."""
        found = os.fstat(source)
        if self._owner is None:
            os.fchown(target, found.st_uid, found.st_gid)
        os.fchmod(target, stat.S_IMODE(found.st_mode))
        if self._owner is not None:
            os.fchown(target, *self._owner)
        copy_xattrs(source, target)
        os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))

    def _special(self, found: os.stat_result, target: int, name: str) -> None:
        owner = self._owner or (found.st_uid, found.st_gid)
        if not stat.S_ISLNK(found.st_mode):
            os.chmod(name, stat.S_IMODE(found.st_mode), dir_fd=target)
        os.chown(name, *owner, dir_fd=target, follow_symlinks=False)
        times = (found.st_atime_ns, found.st_mtime_ns)
        os.utime(name, ns=times, dir_fd=target, follow_symlinks=False)

    def __del__(self) -> None:
        for fd in self._held:
            os.close(fd)


def clear(directory: int, name: str, *, keep_directory: bool = False) -> None:
    """Take away what stands at a name."""
    try:
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(found.st_mode):
        os.unlink(name, dir_fd=directory)
    elif not keep_directory:
        shutil.rmtree(name, dir_fd=directory)


def _has_xattrs(directory: int, name: str) -> bool:
    try:
        return bool(os.listxattr(f"/proc/self/fd/{directory}/{name}", follow_symlinks=False))
    except OSError:
        return False  # a file system without them
