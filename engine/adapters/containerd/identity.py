"""Knows a process again after a restart of the daemon: pid, start time, boot, and its pid file."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import msgspec
import trio


class Identity(msgspec.Struct, frozen=True):
    """A process beyond doubt: a pid alone may belong to another one by now."""

    pid: int
    start_time: int  # clock ticks since boot, field 22 of /proc/PID/stat
    boot_id: str

    def is_alive(self) -> bool:
        """False also for a zombie, which serves nobody."""
        return self == identify(self.pid)


def identify(pid: int) -> Identity | None:
    """The identity of a running process; None when it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The command's name may hold spaces and parentheses; the last one ends it.
    fields = stat.rpartition(")")[2].split()
    if fields[0] in "ZX":
        return None
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return Identity(pid, int(fields[19]), boot_id)


def shares_mount_namespace(pid: int) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/ns/mnt") == os.readlink("/proc/self/ns/mnt")
    except FileNotFoundError:
        return True  # gone meanwhile: nothing to refuse


def command_line(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
    except OSError:
        return []


def read(path: Path) -> Identity | None:
    """What a pid file says; None when there is none or it makes no sense."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Identity)
    except (OSError, msgspec.MsgspecError):
        return None


def write(path: Path, identity: Identity) -> None:
    """Replace the pid file in one step."""
    draft = path.with_name(path.name + ".new")
    draft.write_bytes(msgspec.json.encode(identity))
    draft.replace(path)


class Watched:
    """A process held by a pidfd: its end can be waited for, and a signal can't hit another one."""

    def __init__(self, identity: Identity) -> None:
        """Raises ProcessLookupError when the process is gone."""
        self.identity = identity
        self._fd = os.pidfd_open(identity.pid)
        if not identity.is_alive():
            self.close()
            raise ProcessLookupError(identity.pid)

    async def wait(self) -> None:
        """Return when the process has ended. Several tasks may wait, one after the other."""
        await trio.lowlevel.wait_readable(self._fd)

    def send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._fd, number)

    async def terminate(self, grace: float) -> None:
        """SIGTERM, and SIGKILL after `grace` seconds; returns when it has ended."""
        self.send(signal.SIGTERM)
        with trio.move_on_after(grace):
            await self.wait()
            return
        self.send(signal.SIGKILL)
        # Bounded too: a process in uninterruptible sleep doesn't die.
        with trio.move_on_after(grace):
            await self.wait()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
