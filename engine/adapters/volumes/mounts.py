"""Mounting a local volume that has options, and binding a path inside a volume. Blocks; for worker threads."""

from __future__ import annotations

import os
import re
import socket
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from engine.adapters.rootfs.openat2 import open_in_root
from engine.adapters.rootfs.syscalls import mount, unmount
from engine.adapters.volumes.options import (
    BIND,
    PROPAGATIONS,
    RDONLY,
    REC,
    REMOUNT,
    host_to_resolve,
    parse_options,
    without_password,
)
from engine.errors import SystemFailure

_ESCAPED = re.compile(r"\\([0-7]{3})")


def mount_volume(target: str, options: Mapping[str, str]) -> None:
    """SystemFailure with dockerd's text; nothing stays mounted then."""
    text = options.get("o", "")
    kind, device = options.get("type", ""), options.get("device", "")
    if name := host_to_resolve(kind, text):
        text = text.replace(f"addr={name}", f"addr={_address_of(name)}", 1)
    flags, data = parse_options(text)
    plain = flags & ~PROPAGATIONS
    try:
        mount(device, target, kind, plain, data)
    except OSError as error:
        raise SystemFailure(_refusal(device, target, plain, data, error)) from error
    try:
        if flags & PROPAGATIONS:
            mount("", target, "", flags & (PROPAGATIONS | REC))
        if plain & BIND and plain & RDONLY:  # the first mount of a bind ignores the rest
            mount("", target, "", plain | REMOUNT)
    except OSError as error:
        unmount(target)
        raise SystemFailure(_refusal("", target, flags, "", error)) from error


def bind_inside(root: str, path: str, point: str) -> None:
    """Bind what `path` is, below `root` and never outside it, to `point`, which is made for it."""
    root_fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fd = open_in_root(root_fd, path, os.O_PATH)
        except OSError as error:
            reason = reason_of(error)
            raise SystemFailure(f"cannot access path {root}/{path}: {reason}") from error
    finally:
        os.close(root_fd)
    try:
        _make_point(point, directory=stat.S_ISDIR(os.fstat(fd).st_mode))
        mount(f"/proc/self/fd/{fd}", point, "", BIND | REC)
    finally:
        os.close(fd)


def release_point(point: str) -> None:
    """Unmount and remove a mount point of `bind_inside`. What is not there is fine."""
    while is_mounted(point):
        unmount(point)
    with suppress(FileNotFoundError):
        os.rmdir(point) if os.path.isdir(point) else os.unlink(point)
    with suppress(OSError):  # another one is still in it
        os.rmdir(os.path.dirname(point))


def mounts_at_or_below(path: str) -> list[str]:
    """The mount points, deepest first."""
    found = [
        point
        for point in _mount_points()
        if point == path or point.startswith(path.rstrip("/") + "/")
    ]
    return sorted(found, reverse=True)


def is_mounted(path: str) -> bool:
    return path in set(_mount_points())


def reason_of(error: OSError) -> str:
    """As Go prints an errno."""
    text = os.strerror(error.errno or 0)
    return text[:1].lower() + text[1:]


def _mount_points() -> Iterator[str]:
    for line in Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines():
        yield _ESCAPED.sub(lambda found: chr(int(found[1], 8)), line.split(" ")[4])


def _make_point(point: str, *, directory: bool) -> None:
    release_point(point)
    os.makedirs(point if directory else os.path.dirname(point), mode=0o700, exist_ok=True)
    if not directory:
        os.close(os.open(point, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))


def _address_of(name: str) -> str:
    try:
        return str(socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError as error:
        raise SystemFailure(f"error resolving passed in network volume address: {error}") from error


def _refusal(device: str, target: str, flags: int, data: str, error: OSError) -> str:
    what = f"{device}:{target}" if device else target
    what += f", flags: {flags:#x}" if flags else ""
    what += f", data: {data}" if data else ""
    return without_password(f"failed to mount local volume: mount {what}: {reason_of(error)}", data)
