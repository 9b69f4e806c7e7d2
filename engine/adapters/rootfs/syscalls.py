"""The system calls about mounts that Python's os module does not have (yet)."""

from __future__ import annotations

import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True)
_SYS_OPEN_TREE = 428
OPEN_TREE_CLONE = 1
AT_RECURSIVE = 0x8000
AT_FDCWD = -100
CLONE_FS = 0x200
CLONE_NEWNS = 0x20000
MNT_DETACH = 2
MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """mount(2); OSError when the kernel refuses."""
    arguments = [os.fsencode(each) for each in (source, target, kind)]
    _check(_libc.mount(*arguments, ctypes.c_ulong(flags), os.fsencode(data)), target)


def unmount(target: str, flags: int = MNT_DETACH) -> None:
    """umount2(2); OSError when the kernel refuses."""
    _check(_libc.umount2(os.fsencode(target), flags), target)


def open_tree(path: str, *, recursive: bool) -> int:
    """A descriptor of a detached copy of the mount at `path`, with or without those below it."""
    flags = OPEN_TREE_CLONE | os.O_CLOEXEC | (AT_RECURSIVE if recursive else 0)
    fd: int = _libc.syscall(_SYS_OPEN_TREE, AT_FDCWD, os.fsencode(path), ctypes.c_uint(flags))
    _check(fd, path)
    return fd


def enter_mount_namespace(fd: int) -> None:
    """For the calling thread alone, which must be one that ends soon."""
    _check(_libc.unshare(CLONE_FS), "unshare")
    _check(_libc.setns(fd, CLONE_NEWNS), "setns")


def _check(result: int, what: str) -> None:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), what)
