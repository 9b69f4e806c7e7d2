"""The RootFS port: reads files of an idle root and makes the skeleton that every container's root has."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

import trio

from engine.adapters.rootfs.exposing import expose
from engine.adapters.rootfs.mounting import mounted
from engine.adapters.rootfs.openat2 import open_in_root
from engine.adapters.rootfs.syscalls import MS_NODEV, MS_NOEXEC, MS_NOSUID, mount, unmount
from engine.models.runtime import Mount

FILE_LIMIT = 4 << 20
DEADLINE = 30.0
DIRECTORIES = (
    ("dev", 0o755),
    ("dev/pts", 0o755),
    ("dev/shm", 0o755),
    ("etc", 0o755),
    ("proc", 0o755),
    ("sys", 0o755),
)
FILES = (".dockerenv", "dev/console", "etc/hostname", "etc/hosts", "etc/resolv.conf")


class HostRootFS:
    """Mounts under `scratch`, a directory of ours in the exec root."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch

    async def read(self, mounts: Sequence[Mount], *paths: str) -> list[bytes]:
        with trio.fail_after(DEADLINE):
            return await trio.to_thread.run_sync(self._read, mounts, paths)

    async def read_running(self, pid: int, *paths: str) -> list[bytes]:
        with trio.fail_after(DEADLINE):
            return await trio.to_thread.run_sync(self._read_running, pid, paths)

    async def expose(self, layers: Sequence[Mount], own: Path, subpath: str, point: str) -> None:
        with trio.fail_after(DEADLINE):
            await trio.to_thread.run_sync(expose, layers, own, subpath, point)

    async def populate_init(self, mounts: Sequence[Mount]) -> None:
        with trio.fail_after(DEADLINE):
            await trio.to_thread.run_sync(self._populate, mounts)

    async def mount_shm(self, path: Path, size: int) -> None:
        with trio.fail_after(DEADLINE):
            await trio.to_thread.run_sync(_mount_shm, str(path), size)

    async def unmount_shm(self, path: Path) -> None:
        with trio.fail_after(DEADLINE):
            await trio.to_thread.run_sync(_unmount_shm, str(path))

    def _read(self, mounts: Sequence[Mount], paths: Sequence[str]) -> list[bytes]:
        with mounted(mounts, self._scratch) as root:
            return [_contents(root, path) for path in paths]

    def _read_running(self, pid: int, paths: Sequence[str]) -> list[bytes]:
        root = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return [_contents(root, path) for path in paths]
        finally:
            os.close(root)

    def _populate(self, mounts: Sequence[Mount]) -> None:
        """As dockerd's init layer: what is there already is left as it is."""
        with mounted(mounts, self._scratch) as root:
            for path, mode in DIRECTORIES:
                _make(root, path, directory=True, mode=mode)
            for path in FILES:
                _make(root, path, directory=False, mode=0o755)
            _link(root, "etc/mtab", "/proc/mounts")


def _mount_shm(path: str, size: int) -> None:
    _unmount_shm(path)
    os.makedirs(path, mode=0o711, exist_ok=True)
    flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
    mount("shm", path, "tmpfs", flags, f"mode=1777,size={size}")


def _unmount_shm(path: str) -> None:
    if os.path.ismount(path):
        unmount(path)
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(path)


def _contents(root: int, path: str) -> bytes:
    try:
        fd = open_in_root(root, path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        with open(fd, "rb", closefd=False) as file:
            return file.read(FILE_LIMIT)
    except OSError:
        return b""
    finally:
        os.close(fd)


def _make(root: int, path: str, *, directory: bool, mode: int) -> None:
    parent, _, name = path.rpartition("/")
    try:
        parent_fd = open_in_root(root, parent or ".", os.O_PATH | os.O_DIRECTORY)
    except OSError:
        return
    try:
        os.stat(name, dir_fd=parent_fd, follow_symlinks=False)
    except FileNotFoundError:
        if directory:
            os.mkdir(name, mode, dir_fd=parent_fd)
        else:
            os.close(
                os.open(
                    name,
                    os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC,
                    mode,
                    dir_fd=parent_fd,
                )
            )
    finally:
        os.close(parent_fd)


def _link(root: int, path: str, target: str) -> None:
    parent, _, name = path.rpartition("/")
    try:
        parent_fd = open_in_root(root, parent, os.O_PATH | os.O_DIRECTORY)
    except OSError:
        return
    try:
        os.symlink(target, name, dir_fd=parent_fd)
    except FileExistsError:
        return
    finally:
        os.close(parent_fd)
