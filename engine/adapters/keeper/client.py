"""The daemon's side of the keeper: what is to be held, and the service that keeps the keeper up."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import trio

from engine.adapters.keeper import program
from supervisors import Worker

log = logging.getLogger(__name__)

PAUSE = 0.01
START_LIMIT = 10.0

Descriptors = Callable[[], Sequence[int]]
"""Gives the open reading ends at the time of asking."""


class FifoKeeper:
    """Passive; outlives the service. What cannot be sent now is sent when the keeper is there again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held: dict[str, Descriptors] = {}
        self._channel: socket.socket | None = None

    def keep(self, subject: str, descriptors: Descriptors) -> None:
        """Hold these too, from now on, also when this daemon is gone."""
        self._held[subject] = descriptors
        self._send(b"+" + subject.encode(), descriptors())

    def drop(self, subject: str) -> None:
        if self._held.pop(subject, None) is not None:
            self._send(b"-" + subject.encode())

    def retain(self, subjects: Iterable[str]) -> None:
        """Everything is known again: close what belongs to nobody."""
        self._send(b"=" + ",".join(subjects).encode())

    def connected(self, channel: socket.socket) -> None:
        self._channel = channel
        for subject, descriptors in self._held.items():
            self._send(b"+" + subject.encode(), descriptors())

    def disconnected(self) -> None:
        self._channel = None

    def _send(self, data: bytes, fds: Sequence[int] = ()) -> None:
        if self._channel is None:
            return
        try:
            socket.send_fds(self._channel, [data], fds)
        except OSError as error:  # it has died (the service sees that too), or is far behind
            log.warning("the keeper of output does not take %r: %s", data[:13], error)


class KeeperService(Worker):
    """Adopts a keeper or starts one, and does so again when it ends."""

    def __init__(self, keeper: FifoKeeper) -> None:
        self._keeper = keeper
        self._process: subprocess.Popen[bytes] | None = None

    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        while True:
            channel = await self._reach()
            self._keeper.connected(channel)
            try:
                await trio.lowlevel.wait_readable(channel)  # it never speaks: this is its end
            finally:
                self._keeper.disconnected()
                channel.close()
                self._let_go()
            log.warning("the keeper of containers' output has ended; starting another one")
            await trio.sleep(PAUSE)

    async def _reach(self) -> socket.socket:
        with contextlib.suppress(OSError):
            return self._connect()
        with trio.fail_after(START_LIMIT):
            await trio.to_thread.run_sync(self._spawn)
            while True:
                with contextlib.suppress(OSError):
                    return self._connect()
                await trio.sleep(PAUSE)

    def _connect(self) -> socket.socket:
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            channel.connect(str(self._keeper.path))
            channel.setblocking(False)
        except OSError:
            channel.close()
            raise
        return channel

    def _spawn(self) -> None:
        """In a session of its own, so that what ends the daemon does not end it."""
        command = [sys.executable, "-I", "-S", program.__file__, str(self._keeper.path)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            env={"PATH": os.defpath},
        )

    def _let_go(self) -> None:
        """Reap it if it has ended; one that lives outlives us, and Popen is not to warn of that."""
        if self._process is not None and self._process.poll() is None:
            self._process.returncode = 0
        self._process = None
