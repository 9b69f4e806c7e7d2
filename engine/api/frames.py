"""WebSocket frames as bytes that many connections share, and a stream that takes whole frames of two writers."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress

import trio

from engine.api.hijack import HijackedStream
from engine.api.outlets import write_now

TEXT, BINARY, CLOSE = 0x81, 0x82, 0x88
"""The first byte of a whole message (RFC 6455, 5.2): the last fragment, and the kind."""


CLOSE_BYTE = bytes([CLOSE])
CLOSE_SECONDS = 1.0


def close_frame(code: int, reason: str) -> bytes:
    """A control frame takes 125 bytes, two of which are the code."""
    return frame(struct.pack("!H", code) + short(reason).encode(), CLOSE)


def short(reason: str) -> str:
    """As much of it as a close frame takes."""
    return reason.encode()[:123].decode(errors="ignore")


def frame(payload: bytes, kind: int) -> bytes:
    """A message as a server sends it, unmasked. It is the same for every client, so it is made once."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", kind, size) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", kind, 126, size) + payload
    return struct.pack("!BBQ", kind, 127, size) + payload


class FrameStream(HijackedStream):
    """A connection on which the WebSocket library and a feed both write, each whole frames at a time."""

    def __init__(self, stream: HijackedStream) -> None:
        super().__init__(stream, b"")
        self._turn = trio.Lock()
        self.cut = False
        """A write ended in the middle of a frame: nothing more can be said to this client."""
        self.closing: Callable[[], bytes] = bytes
        """The close frame to end with when there has been none; b"" when nothing is to be said."""
        self._closed = False
        self._left = b""

    @property
    def free(self) -> bool:
        """Nobody writes, so whole frames may be offered; never over TLS."""
        idle = not (self.cut or self._left or self._turn.locked())
        return idle and self.socket is not None

    def offer(self, frames: bytes) -> bool:
        """Write without waiting, while it is free. False: the rest goes before whatever is sent next."""
        assert self.socket is not None
        self._left = write_now(self.socket, frames)
        return not self._left

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        async with self._turn:
            if self.cut:
                raise trio.BrokenResourceError("the last frame was cut off")
            await trio.lowlevel.checkpoint_if_cancelled()  # while not a byte of it is written
            left, self._left = self._left, b""
            self.cut = True
            await super().send_all(left + data if left else data)
            self.cut = False
            self._closed = self._closed or data[:1] == CLOSE_BYTE

    async def aclose(self) -> None:
        """The library closes without a word on what it cannot parse; the client is told why."""
        last = b"" if self._closed or self.cut else self.closing()
        self._closed = True
        if last:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                with trio.move_on_after(CLOSE_SECONDS):
                    await self.send_all(last)
        await super().aclose()
