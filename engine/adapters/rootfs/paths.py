"""Paths in a container as its archive operations mean them (row 70): found, and described in Go's terms."""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from engine.adapters.rootfs.openat2 import open_in_root
from engine.domain.logs.timestamps import format_nano
from engine.errors import InvalidParameter, NotFound
from engine.models.files import PathStat

# Go's os.FileMode: the type's bits, and those beyond the permissions.
_TYPES = {
    stat.S_IFDIR: 1 << 31,
    stat.S_IFLNK: 1 << 27,
    stat.S_IFBLK: 1 << 26,
    stat.S_IFIFO: 1 << 25,
    stat.S_IFSOCK: 1 << 24,
    stat.S_IFCHR: 1 << 26 | 1 << 21,
}
_SHOWN = 300
_EXTRAS = ((stat.S_ISUID, 1 << 23), (stat.S_ISGID, 1 << 22), (stat.S_ISVTX, 1 << 20))
HOPS = 255


class Place:
    """A directory's descriptor and a name in it, which is "." for the directory itself."""

    def __init__(self, directory: int, name: str) -> None:
        self.directory = directory
        self.name = name

    def stat(self) -> os.stat_result:
        return os.stat(self.name, dir_fd=self.directory, follow_symlinks=False)


def absolute(path: str) -> str:
    """From the root on and cleaned, but with the trailing slash or dot that asks for a directory."""
    clean = posixpath.normpath("/" + path.lstrip("/"))
    if path.endswith("/.") or path == ".":
        return clean.rstrip("/") + "/."
    return clean + "/" if path.endswith("/") and clean != "/" else clean


def base(path: str) -> str:
    """Go's filepath.Base."""
    if path.endswith("/."):
        return "."
    return posixpath.basename(path.rstrip("/")) or "/"


@contextmanager
def located(root: int, path: str, missing: NotFound) -> Iterator[Place]:
    """The place of an absolute path; a symlink at its end is not followed unless a slash asks for it."""
    parent, _, name = path.rpartition("/")
    if name in ("", "."):
        parent, name = path, "."
    directory = _open(root, parent or "/", missing)
    try:
        place = Place(directory, name)
        try:
            place.stat()
        except OSError as error:
            raise missing from error
        yield place
    finally:
        os.close(directory)


def _open(root: int, path: str, missing: NotFound) -> int:
    with looked_up(path, missing):
        return open_in_root(root, path, os.O_PATH | os.O_DIRECTORY)


@contextmanager
def looked_up(path: str, missing: NotFound) -> Iterator[None]:
    """Say what the kernel says of a client's path: it is `missing`, or it is none (InvalidParameter)."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise missing from error
    except OSError as error:
        if error.errno not in (errno.ENAMETOOLONG, errno.ELOOP):
            raise
        reason = (error.strerror or "").lower()
        raise InvalidParameter(f"lstat {path[:_SHOWN]}: {reason}") from error


def describe(root: int, path: str, place: Place) -> PathStat:
    found = place.stat()
    link = stat.S_ISLNK(found.st_mode)
    return PathStat(
        name=base(path),
        size=found.st_size,
        mode=go_mode(found.st_mode),
        mtime=format_nano(found.st_mtime_ns),
        link_target=link_target(root, path) if link else "",
    )


def go_mode(mode: int) -> int:
    extras = sum(bit for mask, bit in _EXTRAS if mode & mask)
    return _TYPES.get(stat.S_IFMT(mode), 0) | extras | stat.S_IMODE(mode) & 0o777


def link_target(root: int, path: str) -> str:
    """Where a symlink leads in the container, also when nothing is there; never out of the root."""
    left = [part for part in path.split("/") if part]
    done: list[str] = []
    hops = 0
    while left:
        part = left.pop(0)
        if part in (".", ".."):
            done = done[:-1] if part == ".." else done
            continue
        target = _read_link(root, "/".join(done), part)
        if target is None:
            done.append(part)
            continue
        hops += 1
        if hops > HOPS:
            break
        if target.startswith("/"):
            done = []
        left = [each for each in target.split("/") if each] + left
    return "/" + "/".join(done)


def _read_link(root: int, parent: str, name: str) -> str | None:
    try:
        directory = open_in_root(root, "/" + parent, os.O_PATH | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        return os.readlink(name, dir_fd=directory)
    except OSError:
        return None
    finally:
        os.close(directory)
