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
import shutil
import stat
import tarfile
from typing import IO, cast

import zstandard

from engine.adapters.archive.compression import sniff
from engine.adapters.builds.trees import DiskTree
from engine.adapters.rootfs.copying import copy_xattrs
from engine.adapters.rootfs.openat2 import open_in_root
from engine.adapters.rootfs.paths import link_target
from engine.adapters.rootfs.untarring import unpack
from engine.domain.builds.ports import Order, Picked
from engine.errors import InvalidParameter, NotFound, SystemFailure
from engine.models.files import Extraction

__all__ = ["make_directory", "place_all"]

PIECE = 8 << 20
FILE_LIMIT = 4 << 20
Owner = tuple[int, int]
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def place_all(tree: DiskTree, picked: list[Picked], root: int, order: Order) -> None:
    """InvalidParameter, NotFound, SystemFailure, each with dockerd's words where it has some."""
    owner = None if order.keep else owner_of(order.chown, root)
    for each in picked:
        try:
            _place(tree, each, root, order, owner)
        except OSError as error:
            raise SystemFailure(
                f"failed to copy files: {error.filename or each.path}: {error.strerror}"
            ) from error


def _place(tree: DiskTree, picked: Picked, root: int, order: Order, owner: Owner | None) -> None:
    source = tree.place(picked.path)
    try:
        state = os.stat(source)
    except OSError as error:
        raise NotFound(f"failed to copy files: source path not found: {picked.path}") from error
    target = link_target(root, order.target)
    if stat.S_ISDIR(state.st_mode):
        _place_directory(source, root, target, owner)
        return
    if order.unpack and not picked.whole and (kind := _archive(source)) is not None:
        os.close(make_directory(root, target, (0, 0)))
        with _opened(source, kind) as stream:
            unpack(stream, root, target, Extraction(clamp=True))
        return
    if order.target.endswith("/") or _is_directory(root, target):
        target = posixpath.join(target, posixpath.basename(picked.path.rstrip("/")))
    parent, _, name = target.rpartition("/")
    try:
        directory = make_directory(root, parent or "/", owner)
    except InvalidParameter as error:
        raise InvalidParameter(f"failed to copy files: lstat {target}: not a directory") from error
    try:
        _clear(directory, name, directory_too=True)
        Merge(owner).file(source, directory, name)
    finally:
        os.close(directory)


def _place_directory(source: str, root: int, target: str, owner: Owner | None) -> None:
    existed = _is_directory(root, target)
    try:
        os.close(make_directory(root, target, (0, 0)))
    except InvalidParameter as error:
        raise InvalidParameter(
            f"failed to copy files: failed to copy directory: mkdir {target}: not a directory"
        ) from error
    into = open_in_root(root, target, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fd = os.open(source, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            Merge(owner).children(fd, into)
        finally:
            os.close(fd)
        if owner is not None and not existed:
            os.fchown(into, *owner)
    finally:
        os.close(into)


class Merge:
    """Copies a tree over what is there: directories are united, anything else is replaced."""

    def __init__(self, owner: Owner | None) -> None:
        self._owner = owner
        self._links: dict[tuple[int, int], tuple[int, str]] = {}
        self._held: list[int] = []

    def children(self, source: int, target: int) -> None:
        with os.scandir(source) as entries:
            names = sorted(entry.name for entry in entries)
        for name in names:
            self._entry(source, target, name)

    def _entry(self, source: int, target: int, name: str) -> None:
        found = os.stat(name, dir_fd=source, follow_symlinks=False)
        is_directory = stat.S_ISDIR(found.st_mode)
        _clear(target, name, directory_too=not is_directory, keep_directory=is_directory)
        if is_directory:
            self._directory(source, target, name)
        elif stat.S_ISREG(found.st_mode):
            if found.st_nlink > 1 and self._linked(found, target, name):
                return
            self._regular(os.open(name, _READ, dir_fd=source), target, name)
        elif stat.S_ISLNK(found.st_mode):
            os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
            self._special(found, target, name)
        elif not stat.S_ISSOCK(found.st_mode):
            os.mknod(name, found.st_mode, found.st_rdev, dir_fd=target)
            self._special(found, target, name)

    def _directory(self, source: int, target: int, name: str) -> None:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=target)
        below = os.open(name, _DIRECTORY, dir_fd=source)
        try:
            copy = os.open(name, _DIRECTORY, dir_fd=target)
            try:
                self.children(below, copy)
                self._attributes(below, copy)
            finally:
                os.close(copy)
        finally:
            os.close(below)

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
                self._attributes(reader, writer)
            finally:
                os.close(writer)
        finally:
            os.close(reader)

    def _attributes(self, source: int, target: int) -> None:
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


def _clear(directory: int, name: str, *, directory_too: bool, keep_directory: bool = False) -> None:
    """Take away what stands at a name."""
    try:
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(found.st_mode):
        os.unlink(name, dir_fd=directory)
    elif directory_too and not keep_directory:
        shutil.rmtree(name, dir_fd=directory)


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
