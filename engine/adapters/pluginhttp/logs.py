"""Log drivers that are plugins: a FIFO with length-prefixed protobuf entries, between StartLogging and StopLogging.

`docker logs` reads the engine's own files, as with every driver that delivers, so ReadLogs is not asked for.
"""

from __future__ import annotations

import array
import contextlib
import errno
import fcntl
import os
import stat
import struct
import termios
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import trio

from engine.adapters.rootfs.openat2 import make_directories
from engine.domain.logs.ports import Destination, Line
from engine.domain.logs.timestamps import format_nano
from engine.domain.plugins.facade import LOG, Plugins
from engine.errors import EngineError

_FIRST_LOOK, _LAST_LOOK = 0.0005, 0.05  # seconds


class PluginSink:
    """`directory` is where FIFOs are made: the plugin opens them by the same path."""

    def __init__(self, plugins: Plugins, destination: Destination, directory: Path) -> None:
        self.receiver = f"plugin {destination.driver}"
        self._plugins = plugins
        self._destination = destination
        self._directory = directory
        self._file = ""
        self._place: int | None = None
        self._pipe: trio.lowlevel.FdStream | None = None

    async def connect(self) -> None:
        """The plugin may open its end before or after it answers; both ends are there at the end."""
        plugin = await self._plugins.get(self._destination.driver, LOG)
        self._file = f"{self._directory}/{uuid4().hex}"
        self._place = await trio.to_thread.run_sync(_make, plugin.root or "/", self._file)
        failure: list[EngineError] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._open)
            try:
                body = {"File": self._file, "Info": info_of(self._destination)}
                await plugin.call("LogDriver.StartLogging", body)
            except EngineError as error:
                failure.append(error)
                nursery.cancel_scope.cancel()
        if failure:
            raise failure[0]

    def encode(self, lines: Sequence[Line]) -> list[bytes]:
        return [entry(line) for line in lines]

    async def send(self, messages: Sequence[bytes]) -> None:
        """Until the plugin has read them: what is in a pipe goes with its reader."""
        assert self._pipe is not None
        try:
            await self._pipe.send_all(b"".join(messages))
        except trio.BrokenResourceError as error:
            raise OSError(errno.EPIPE, f"{self.receiver} closed its log") from error
        pause = _FIRST_LOOK
        while _unread(self._pipe.fileno()):
            await trio.sleep(pause)
            pause = min(2 * pause, _LAST_LOOK)

    def close(self) -> None:
        """The plugin reads to the end by itself; that it is one is told in the background."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if self._place is not None:
            with contextlib.suppress(OSError):
                os.unlink(os.path.basename(self._file), dir_fd=self._place)
            os.close(self._place)
            self._place = None
            self._plugins.later(
                self._destination.driver, LOG, "LogDriver.StopLogging", {"File": self._file}
            )

    async def _open(self) -> None:
        while self._pipe is None:
            try:
                found = _opened(self._place, os.path.basename(self._file))
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                await trio.sleep(0.01)
            else:
                self._pipe = trio.lowlevel.FdStream(found)


def info_of(destination: Destination) -> dict[str, Any]:
    """moby's logger.Info."""
    subject = destination.subject
    return {
        "Config": dict(destination.options),
        "ContainerID": subject.id,
        "ContainerName": f"/{subject.name.removeprefix('/')}",
        "ContainerEntrypoint": subject.command.partition(" ")[0],
        "ContainerArgs": subject.command.split(" ")[1:],
        "ContainerImageID": subject.image_id,
        "ContainerImageName": subject.image_name,
        "ContainerCreated": format_nano(subject.created_ns),
        "ContainerEnv": list(subject.env),
        "ContainerLabels": subject.labels or {},
        "LogPath": "",
        "DaemonName": subject.daemon_name,
    }


def entry(line: Line) -> bytes:
    """LogEntry of moby's logdriver/entry.proto, behind its length (big-endian, 4 bytes)."""
    found = _text(1, line.stream.encode()) + _number(2, line.time_ns) + _text(3, line.text.encode())
    if line.partial:
        part = _number(1, 0 if line.more else 1) + _number(3, line.ordinal)
        found += _number(4, 1) + _text(5, part)
    return struct.pack(">I", len(found)) + found


def _text(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value) if value else b""


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _make(root: str, path: str) -> int:
    """The FIFO's directory. What a plugin has in its root leads nowhere else."""
    base = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        place = make_directories(base, os.path.dirname(path), 0o700)
    finally:
        os.close(base)
    try:
        os.mkfifo(os.path.basename(path), 0o700, dir_fd=place)
    except BaseException:
        os.close(place)
        raise
    return place


def _opened(place: int | None, name: str) -> int:
    """The writing end, of a FIFO and nothing that was put in its place."""
    found = os.open(name, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place)
    if stat.S_ISFIFO(os.fstat(found).st_mode):
        return found
    os.close(found)
    raise OSError(errno.EINVAL, "it is no FIFO any more", name)


def _unread(fd: int) -> int:
    """Bytes in the pipe."""
    found = array.array("i", [0])
    fcntl.ioctl(fd, termios.FIONREAD, found)
    return found[0]
