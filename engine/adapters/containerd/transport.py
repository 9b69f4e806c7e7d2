"""Owns the bytes between an HTTP/2 connection and its unix socket: writes now, drains later."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

import trio

from engine.adapters.containerd.gate import Gate

READ_SIZE = 256 * 1024
HIGH_WATER = 1024 * 1024  # above this, writers wait; grpclib calls it pause_writing
LOW_WATER = 256 * 1024


class SocketTransport:
    """What grpclib expects of an asyncio transport, on a non-blocking socket.

    `write` sends at once when the socket takes the bytes, so that a small call costs no turn of
    the scheduler; what is left is sent by `drain`, which runs as a task beside the reader.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        pause: Callable[[], None],
        resume: Callable[[], None],
    ) -> None:
        self._sock = sock
        self._pause = pause
        self._resume = resume
        self._pending = bytearray()
        self._unsent = Gate()
        self._closing = False

    def write(self, data: bytes) -> None:
        if self._closing or not data:
            return
        sent = 0 if self._pending else self._send(data)
        if sent < len(data):
            self._pending += memoryview(data)[sent:]
            self._unsent.set()
            if len(self._pending) > HIGH_WATER:
                self._pause()

    async def drain(self) -> None:
        """Send what `write` could not, until cancelled."""
        while True:
            await self._unsent.wait()
            await trio.lowlevel.wait_writable(self._sock)
            # One megabyte at a time: the slice deleted below moves the rest.
            sent = self._send(self._pending)
            del self._pending[:sent]
            if len(self._pending) <= LOW_WATER:
                self._resume()
            if not self._pending or self._closing:
                self._unsent.clear()

    async def read(self) -> bytes:
        """The next bytes; empty at the end, whatever ended it."""
        while True:
            await trio.lowlevel.wait_readable(self._sock)
            try:
                return self._sock.recv(READ_SIZE)
            except BlockingIOError:
                continue
            except OSError:
                return b""

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        """Stop both directions; the reader sees the end and the owner closes the descriptor."""
        if not self._closing:
            self._closing = True
            self._pending.clear()
            with contextlib.suppress(OSError):  # the peer was faster
                self._sock.shutdown(socket.SHUT_RDWR)

    def _send(self, data: bytes | bytearray) -> int:
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self.close()
            return len(data)
