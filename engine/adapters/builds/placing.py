"""Putting what COPY and ADD have picked into an image's root, with dockerd's rules for names, owners and modes.

Blocks. Every path of the root is looked up inside it (openat2), so no link in an image leads out.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import os
import posixpath
import stat
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, cast

import zstandard

from engine.adapters.archive.compression import sniff
from engine.adapters.builds.merging import Later, Merge, Owner, clear
from engine.adapters.builds.trees import DiskTree
from engine.adapters.rootfs.openat2 import open_in_root
from engine.adapters.rootfs.paths import link_target
from engine.adapters.rootfs.untarring import unpack
from engine.domain.builds.ports import Order, Picked
from engine.errors import InvalidParameter, NotFound, SystemFailure
from engine.models.files import Extraction

__all__ = ["fill_all", "make_directory", "place_all"]

FILE_LIMIT = 4 << 20
Count = Callable[[int], None]


@dataclass(frozen=True)
class _Where:
    """`count` is told how many bytes an archive has unpacked to, and may refuse more."""

    root: int
    order: Order
    owner: Owner | None
    later: Later | None
    count: Count | None


def place_all(
    tree: DiskTree,
    picked: list[Picked],
    root: int,
    order: Order,
    later: Later | None = None,
    count: Count | None = None,
) -> list[Picked]:
    """InvalidParameter, NotFound, SystemFailure, each with dockerd's words where it has some.

    With `later`, the rest of the list comes back when something of that waits to be filled first.
    """
    owner = None if order.keep else owner_of(order.chown, root)
    if later is not None:
        later.owner = owner
    for number, each in enumerate(picked, 1):
        with _told(each.path):
            _place(tree, each, _Where(root, order, owner, later, count))
        if later is not None and later.waiting:
            return picked[number:]
    return []


def fill_all(later: Later) -> None:
    """What has waited; SystemFailure."""
    with _told(""):
        later.fill()


@contextlib.contextmanager
def _told(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SystemFailure(
            f"failed to copy files: {error.filename or path}: {error.strerror}"
        ) from error


def _place(tree: DiskTree, picked: Picked, where: _Where) -> None:
    root, order, owner = where.root, where.order, where.owner
    source = tree.place(picked.path)
    try:
        state = os.stat(source)
    except OSError as error:
        raise NotFound(f"failed to copy files: source path not found: {picked.path}") from error
    target = link_target(root, order.target)
    if stat.S_ISDIR(state.st_mode):
        _place_directory(source, root, target, owner, where.later)
        return
    if order.unpack and not picked.whole and (kind := _archive(source)) is not None:
        os.close(make_directory(root, target, (0, 0)))
        with _opened(source, kind) as stream:
            measured = Measured(stream, where.count) if where.count else stream
            unpack(cast(IO[bytes], measured), root, target, Extraction(clamp=True))
        return
    if order.target.endswith("/") or _is_directory(root, target):
        target = posixpath.join(target, posixpath.basename(picked.path.rstrip("/")))
    parent, _, name = target.rpartition("/")
    try:
        directory = make_directory(root, parent or "/", owner)
    except InvalidParameter as error:
        raise InvalidParameter(f"failed to copy files: lstat {target}: not a directory") from error
    try:
        clear(directory, name)
        Merge(owner).file(source, directory, name)
    finally:
        os.close(directory)


class Measured:
    """A stream that tells how much was read of it."""

    def __init__(self, stream: IO[bytes], count: Count) -> None:
        self._stream = stream
        self._count = count

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._count(len(data))
        return data


def _place_directory(
    source: str, root: int, target: str, owner: Owner | None, later: Later | None
) -> None:
    existed = _is_directory(root, target)
    try:
        os.close(make_directory(root, target, (0, 0)))
    except InvalidParameter as error:
        raise InvalidParameter(
            f"failed to copy files: failed to copy directory: mkdir {target}: not a directory"
        ) from error
    into = open_in_root(root, target, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if later is not None and not existed:
            later.put(source, target, attributes=False)
        else:
            fd = os.open(source, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                Merge(owner, later=later).children(fd, into, (source, target.rstrip("/")))
            finally:
                os.close(fd)
        if owner is not None and not existed:
            os.fchown(into, *owner)
    finally:
        os.close(into)


def make_directory(root: int, path: str, owner: Owner | None = None) -> int:
    """A descriptor of the directory, made with what is missing above it; what is new gets the owner."""
    fd = open_in_root(root, "/", os.O_PATH | os.O_DIRECTORY)
    done = ""
    for name in [each for each in path.split("/") if each]:
        done = f"{done}/{name}"
        try:
            below = open_in_root(root, done, os.O_PATH | os.O_DIRECTORY)
        except FileNotFoundError:
            os.mkdir(name, 0o755, dir_fd=fd)
            below = open_in_root(root, done, os.O_PATH | os.O_DIRECTORY)
            os.chmod(f"/proc/self/fd/{below}", 0o755)
            if owner is not None:
                os.chown(f"/proc/self/fd/{below}", *owner)
        except NotADirectoryError as error:
            raise InvalidParameter(f"Cannot mkdir: {path} is not a directory") from error
        finally:
            os.close(fd)
        fd = below
    return fd


def owner_of(chown: str, root: int) -> Owner:
    """`user[:group]`, by number or by the image's own files; InvalidParameter with dockerd's text."""
    if not chown:
        return 0, 0
    user, colon, group = chown.partition(":")
    group = group if colon else user
    failure = "unable to convert uid/gid chown string to host mapping: can't find "
    uid = _number(user, root, "etc/passwd", f"{failure}uid for user {user}", "user")
    gid = _number(group, root, "etc/group", f"{failure}gid for group {group}", "group")
    return uid, gid


def _number(name: str, root: int, file: str, failure: str, kind: str) -> int:
    if name.isdecimal():
        return int(name)
    try:
        with open(open_in_root(root, file, os.O_RDONLY | os.O_NONBLOCK), "rb") as opened:
            lines = opened.read(FILE_LIMIT).decode(errors="replace").splitlines()
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise InvalidParameter(f"{failure}: open /{file}: {reason}") from error
    for line in lines:
        parts = line.split(":")
        if len(parts) > 2 and parts[0] == name and parts[2].isdecimal():
            return int(parts[2])
    raise InvalidParameter(f"{failure}: no such {kind}: {name}")


def _is_directory(root: int, path: str) -> bool:
    try:
        os.close(open_in_root(root, path, os.O_PATH | os.O_DIRECTORY))
    except OSError:
        return False
    return True


def _archive(path: str) -> str | None:
    """The compression of a file that is a tar archive ("" for none), None for anything else."""
    with open(path, "rb") as file:
        kind = sniff(file.read(16))
    try:
        with _opened(path, kind) as stream:
            block = stream.read(tarfile.BLOCKSIZE)
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (
        tarfile.HeaderError,
        OSError,
        EOFError,
        lzma.LZMAError,
        ValueError,
        zstandard.ZstdError,
    ):
        return None
    return kind


def _opened(path: str, kind: str) -> IO[bytes]:
    match kind:
        case "gzip":
            return cast(IO[bytes], gzip.open(path, "rb"))
        case "bzip2":
            return cast(IO[bytes], bz2.open(path, "rb"))
        case "xz":
            return cast(IO[bytes], lzma.open(path, "rb"))
        case "zstd":
            return cast(IO[bytes], zstandard.open(path, "rb"))
    return open(path, "rb", buffering=0)
