"""Writing to a client at once, without a task of its own: what its socket takes, and the rest later."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import trio
from hypercorn.events import RawData

if TYPE_CHECKING:
    from engine.api.connection import Connection


def write_now(sock: trio.socket.SocketType, data: bytes) -> bytes:
    """What the socket does not take. A client that has gone takes nothing: who waits for it learns why."""
    try:
        written = os.write(sock.fileno(), data)
    except OSError:
        return data
    return data[written:]


def chunk(data: bytes) -> bytes:
    """A piece of a response whose length nobody knows (RFC 9112, 7.1)."""
    return b"%x\r\n%s\r\n" % (len(data), data)


class ChunkOutlet:
    """Chunks of a response that is under way, past HTTP's state machine, whose state they do not change."""

    def __init__(self, connection: Connection, sock: trio.socket.SocketType) -> None:
        self._connection = connection
        self._sock = sock
        self._left = b""

    def ready(self, count: int) -> bool:  # noqa: ARG002
        """Any number, while nobody else writes."""
        return not self._connection.send_lock.locked()

    def offer(self, data: bytes, count: int) -> bool:  # noqa: ARG002
        """Whole chunks; False: the client did not take all of it."""
        self._left = write_now(self._sock, data)
        return not self._left

    async def flush(self) -> None:
        """As fast as the client takes it; a client that has gone ends its request."""
        left, self._left = self._left, b""
        if left:
            await self._connection.protocol_send(RawData(left))
