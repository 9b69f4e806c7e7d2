"""Network namespaces bound to files: the system calls, for a thread that ends right after."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Collection
from pathlib import Path

from engine.errors import Conflict, SystemFailure

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
_MS_BIND = 4096
_MNT_DETACH = 2
# The thread's own: /proc/self is the thread group's leader, which stays where it is.
# The name under which dockerd shows the host's own namespace; there is no such file.
HOST_KEY = "default"
_OWN = "/proc/thread-self/ns/net"


def _checked(result: int, action: str) -> None:
    if result != 0:
        raise SystemFailure(f"{action}: {os.strerror(ctypes.get_errno()).lower()}")


def leave_for_new() -> None:
    """Move the calling thread into a new network namespace. It must never be reused."""
    _checked(_libc.unshare(_CLONE_NEWNET), "make a network namespace")


def leave_for(path: str) -> None:
    """Move the calling thread into the namespace bound at `path`. It must never be reused."""
    with contextlib.closing(_Descriptor(path)) as target:
        _checked(_libc.setns(target.number, _CLONE_NEWNET), f"enter network namespace {path}")


class _Descriptor:
    def __init__(self, path: str) -> None:
        try:
            self.number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise SystemFailure(f"open {path}: {(error.strerror or '').lower()}") from error

    def close(self) -> None:
        os.close(self.number)


def opened(path: str) -> _Descriptor:
    """Of the namespace bound at `path`; whoever asks closes it."""
    return _Descriptor(path)


def current() -> contextlib.closing[_Descriptor]:
    """A descriptor of the calling thread's namespace, closed at the end of the block."""
    return contextlib.closing(_Descriptor(_OWN))


def bind(path: str) -> None:
    """Keep the calling thread's namespace alive at `path`, where nothing may be yet."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.touch(mode=0o444, exist_ok=False)
    except FileExistsError as error:
        raise Conflict(f"a network namespace is bound to {path} already") from error
    done = _libc.mount(os.fsencode(_OWN), os.fsencode(path), b"none", _MS_BIND, None)
    _checked(done, f"bind the network namespace to {path}")


def unbind(path: str) -> None:
    """Let go of a bound namespace; one that is gone already is no error."""
    # Not mounted (EINVAL) or not there (ENOENT) is what we want; busy cannot be, being lazy.
    _libc.umount2(os.fsencode(path), _MNT_DETACH)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def sweep(directory: Path, keep: Collection[str]) -> frozenset[str]:
    """Unbind everything in the directory but `keep`; which of those are still bound."""
    live = set()
    for entry in directory.iterdir() if directory.is_dir() else ():
        # A file that is no mount is what a reboot left of one.
        if str(entry) in keep and os.path.ismount(entry):
            live.add(str(entry))
        elif entry.name != HOST_KEY:
            unbind(str(entry))
    return frozenset(live)
