"""Writing a directory tree as a tar stream, from descriptors alone: whatever the tree's owner does to it
meanwhile, nothing outside is read and nothing blocks."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tarfile
from collections.abc import Iterator

PIECE = 1 << 20
ZEROS = bytes(1 << 16)
BLOCK = tarfile.BLOCKSIZE
XATTR = "SCHILY.xattr."
_KINDS = {
    stat.S_IFREG: tarfile.REGTYPE,
    stat.S_IFDIR: tarfile.DIRTYPE,
    stat.S_IFLNK: tarfile.SYMTYPE,
    stat.S_IFCHR: tarfile.CHRTYPE,
    stat.S_IFBLK: tarfile.BLKTYPE,
    stat.S_IFIFO: tarfile.FIFOTYPE,
}


class TarWriter:
    """Entries go to the descriptor `out` at once. Sockets stay out, as in dockerd's archives."""

    def __init__(self, out: int) -> None:
        self._out = out
        self._links: dict[tuple[int, int], str] = {}

    def add_tree(self, parent: int, name: str, shown: str) -> None:
        """`name` in the directory `parent`, and everything below it, under the name `shown`."""
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        self.add(parent, name, shown, found)
        if not stat.S_ISDIR(found.st_mode):
            return
        stack = [(directory(parent, name), shown)]
        try:
            while stack:
                self._children(stack)
        finally:
            for entries, _ in stack:
                entries.close()

    def add_children(self, root: int) -> None:
        """Everything in a directory, named relative to it."""
        entries = directory(root, ".")
        stack = [(entries, "")]
        try:
            while stack:
                self._children(stack)
        finally:
            for entries, _ in stack:
                entries.close()

    def _children(self, stack: list[tuple[Entries, str]]) -> None:
        """The next child of the innermost directory; a stack, because trees may be deep."""
        entries, shown = stack[-1]
        name = next(entries.names, None)
        if name is None:
            stack.pop()
            entries.close()
            return
        path = f"{shown.rstrip('/')}/{name}" if shown else name
        try:
            found = os.stat(name, dir_fd=entries.fd, follow_symlinks=False)
            self.add(entries.fd, name, path, found)
            if stat.S_ISDIR(found.st_mode):
                stack.append((directory(entries.fd, name), path))
        except (FileNotFoundError, NotADirectoryError):
            return  # it has just gone

    def add(self, parent: int, name: str, shown: str, found: os.stat_result) -> None:
        """One entry; a file's content is what is read now, cut or filled up to its size."""
        kind = _KINDS.get(stat.S_IFMT(found.st_mode))
        if kind is None:
            return
        info = entry(shown, found, kind)
        if kind == tarfile.SYMTYPE:
            info.linkname = link(parent, name)
        if kind != tarfile.DIRTYPE and found.st_nlink > 1:
            first = self._links.setdefault((found.st_dev, found.st_ino), shown)
            if first != shown:
                info.type, info.linkname, info.size = tarfile.LNKTYPE, first, 0
        if info.type in (tarfile.REGTYPE, tarfile.DIRTYPE):
            with reopened(parent, name, kind) as fd:
                info.pax_headers = attributes(fd)
                self._head(info)
                if info.size:
                    self._content(fd, info.size)
        else:
            self._head(info)

    def whiteout(self, shown: str, when: float) -> None:
        """An empty file, as layers mark what is no longer there."""
        info = tarfile.TarInfo(shown)
        info.mtime, info.mode = int(when), 0
        self._head(info)

    def finish(self) -> None:
        self._write(ZEROS[: 2 * BLOCK])

    def _head(self, info: tarfile.TarInfo) -> None:
        self._write(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))

    def _content(self, fd: int, size: int) -> None:
        left = size
        while left and (moved := self._move(fd, min(left, PIECE))):
            left -= moved
        left += -size % BLOCK
        while left:
            left -= os.write(self._out, ZEROS[:left])

    def _move(self, fd: int, size: int) -> int:
        try:
            return os.sendfile(self._out, fd, None, size)
        except OSError as error:
            if error.errno != errno.EINVAL:  # some kernel file systems know no sendfile
                raise
        data = os.read(fd, size)
        self._write(data)
        return len(data)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._out, view) :]


class Entries:
    """An open directory and an iterator over the names in it, in order."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.names: Iterator[str] = iter(sorted(os.listdir(fd)))

    def close(self) -> None:
        os.close(self.fd)


def directory(parent: int, name: str) -> Entries:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, dir_fd=parent)
    try:
        return Entries(fd)
    except BaseException:
        os.close(fd)
        raise


def entry(shown: str, found: os.stat_result, kind: bytes) -> tarfile.TarInfo:
    """Whole seconds and no user names, as dockerd writes them. A directory's name gets its slash from tarfile."""
    info = tarfile.TarInfo(shown)
    info.type = kind
    info.mode = stat.S_IMODE(found.st_mode)
    info.uid, info.gid = found.st_uid, found.st_gid
    info.mtime = int(found.st_mtime)
    if kind == tarfile.REGTYPE:
        info.size = found.st_size
    if kind in (tarfile.CHRTYPE, tarfile.BLKTYPE):
        info.devmajor, info.devminor = os.major(found.st_rdev), os.minor(found.st_rdev)
    return info


def link(parent: int, name: str) -> str:
    """A symlink's target; FileNotFoundError when something else has taken its place."""
    try:
        return os.readlink(name, dir_fd=parent)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name) from error


@contextlib.contextmanager
def reopened(parent: int, name: str, kind: bytes) -> Iterator[int]:
    """A file to read, surely of the kind that was seen: opening a device or a FIFO has effects."""
    handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        if _KINDS.get(stat.S_IFMT(os.fstat(handle).st_mode)) != kind:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        fd = os.open(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(handle)
    try:
        yield fd
    finally:
        os.close(fd)


def attributes(fd: int) -> dict[str, str]:
    """Capabilities and the user's extended attributes, as pax headers."""
    try:
        names = os.listxattr(fd)
    except OSError:
        return {}
    found = {}
    for name in names:
        if name == "security.capability" or name.startswith("user."):
            with contextlib.suppress(OSError):
                value = os.getxattr(fd, name)
                found[XATTR + name] = value.decode("utf-8", "surrogateescape")
    return found
