"""Descriptors of containers' roots: of a running process, or put together from layers and binds.

Everything here blocks for a moment and belongs into a worker thread. A tree that is put together is
copied and detached at once, so that nobody else sees it and a daemon that dies leaves no mount.
"""

from __future__ import annotations

import os
import stat
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import outcome

from engine.adapters.rootfs.layers import read_only
from engine.adapters.rootfs.mounting import mount_all
from engine.adapters.rootfs.openat2 import make_directories, open_in_root
from engine.adapters.rootfs.syscalls import (
    MS_BIND,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    enter_mount_namespace,
    mount,
    open_tree,
    unmount,
)
from engine.errors import Conflict
from engine.models.files import Bind, Root
from engine.models.runtime import Mount


@contextmanager
def whole(root: Root, scratch: Path, *, writable: bool = False) -> Iterator[int]:
    """The root with everything that is mounted in it, as the container's processes see it.

    `writable` matters only while nothing runs; who asks for it keeps the container from starting.
    """
    if root.pid:
        fd = of_process(root)
    else:
        mounts = root.mounts if writable else read_only(root.mounts)
        fd = assembled(mounts, root.binds, scratch)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def bare(root: Root, scratch: Path) -> Iterator[int]:
    """The root file system alone, without volumes and the like; to be read."""
    fd = _without_mounts(root) if root.pid else assembled(read_only(root.mounts), (), scratch)
    try:
        yield fd
    finally:
        os.close(fd)


def of_process(root: Root) -> int:
    """Conflict when the pid is no longer the container's: a pid is reused, what was opened is not."""
    try:
        fd = os.open(f"/proc/{root.pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise _ended(root) from error
    try:
        _check_owner(root)
    except BaseException:
        os.close(fd)
        raise
    return fd


def assembled(mounts: Sequence[Mount], binds: Sequence[Bind], scratch: Path) -> int:
    """Mounts and binds as one detached tree. A bind whose place is missing stays out."""
    point = tempfile.mkdtemp(dir=scratch)
    try:
        mount_all(mounts, point)
        try:
            mount("", point, "", MS_REC | MS_PRIVATE)
            for each in sorted(binds, key=lambda each: each.destination.count("/")):
                _attach(point, each)
            return open_tree(point, recursive=True)
        finally:
            unmount(point)
    finally:
        os.rmdir(point)


def make_places(root: Root, scratch: Path) -> None:
    """Make what is missing for the binds to stand on, as the first start would."""
    with whole(Root(root.id, root.mounts), scratch, writable=True) as fd:
        for each in root.binds:
            _make_place(fd, each)


def _make_place(root: int, bind: Bind) -> None:
    parent, _, name = bind.destination.rstrip("/").rpartition("/")
    if not name:
        return
    if os.path.isdir(bind.source):
        make_directories(root, bind.destination)
        return
    directory = make_directories(root, parent or "/")
    try:
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(name, flags, 0o644, dir_fd=directory))
    except FileExistsError:
        return
    finally:
        os.close(directory)


def _attach(point: str, bind: Bind) -> None:
    """rbind, then at once private: a detached shared mount would take its original away."""
    root = os.open(point, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        place = open_in_root(root, bind.destination, os.O_PATH)
    except OSError:
        return
    finally:
        os.close(root)
    try:
        target = f"/proc/self/fd/{place}"
        if not _same_kind(bind.source, target):
            return
        mount(bind.source, target, "", MS_BIND | MS_REC)
    finally:
        os.close(place)
    # The descriptor still means what is below the new mount: look the place up again.
    root = os.open(point, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    place = -1
    try:
        place = open_in_root(root, bind.destination, os.O_PATH)
        mount("", f"/proc/self/fd/{place}", "", MS_REC | MS_PRIVATE)
        if bind.read_only:
            mount("", f"/proc/self/fd/{place}", "", MS_REMOUNT | MS_BIND | MS_RDONLY)
    finally:
        os.close(root)
        if place >= 0:
            os.close(place)


def _same_kind(source: str, target: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(source).st_mode) == stat.S_ISDIR(os.stat(target).st_mode)
    except OSError:
        return False


def _without_mounts(root: Root) -> int:
    """A copy of the root's own mount, made in the container's mount namespace by a thread that ends."""
    namespace = os.open(f"/proc/{root.pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check_owner(root)
        found: list[outcome.Value[int] | outcome.Error] = []

        def look() -> int:
            enter_mount_namespace(namespace)
            return open_tree("/", recursive=False)

        thread = threading.Thread(target=lambda: found.append(outcome.capture(look)), daemon=True)
        thread.start()
        thread.join()
        return int(found[0].unwrap())
    finally:
        os.close(namespace)


def _check_owner(root: Root) -> None:
    try:
        cgroups = Path(f"/proc/{root.pid}/cgroup").read_text()
    except OSError as error:
        raise _ended(root) from error
    if root.id not in cgroups:
        raise _ended(root)


def _ended(root: Root) -> Conflict:
    return Conflict(f"Container {root.id} is not running")
