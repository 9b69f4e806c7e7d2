"""Opening paths below a directory so that nothing in it, also while it changes, can lead out (openat2)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct

_libc = ctypes.CDLL(None, use_errno=True)
_SYS_OPENAT2 = 437
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_IN_ROOT = 0x10


def open_in_root(root_fd: int, path: str, flags: int, mode: int = 0) -> int:
    """A descriptor for `path` with absolute paths, `..` and symlinks resolved as if chrooted to `root_fd`.

    OSError as open(2) has it; EAGAIN (a rename raced) is tried again.
    """
    how = struct.pack("=QQQ", flags | os.O_CLOEXEC, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
    for _ in range(64):
        fd: int = _libc.syscall(
            _SYS_OPENAT2, root_fd, os.fsencode(path), how, ctypes.c_size_t(len(how))
        )
        if fd >= 0:
            return fd
        code = ctypes.get_errno()
        if code != 11:
            raise OSError(code, os.strerror(code), path)
    raise OSError(11, os.strerror(11), path)


def make_directories(root_fd: int, path: str, mode: int = 0o755) -> int:
    """A descriptor for the directory `path`, made with whatever is missing above it."""
    flags = os.O_PATH | os.O_DIRECTORY
    missing: list[str] = []
    while True:
        try:
            found = open_in_root(root_fd, path or "/", flags)
            break
        except FileNotFoundError:
            path, _, name = path.rstrip("/").rpartition("/")
            missing.append(name)
    for name in reversed(missing):
        path = f"{path}/{name}"
        try:
            # What is there already is a symlink that leads nowhere, or somebody was faster.
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, mode, dir_fd=found)
        finally:
            os.close(found)
        found = open_in_root(root_fd, path, flags)
    return found
