"""One attached client: its session with a container's streams, with dockerd's ends.

- The output ends: the session ends.
- The client ends its input (or leaves). With StdinOnce and without a tty the container's input is
  closed and the output goes on; otherwise the session ends and the container's input stays open.
- The client only listens: the end of its input means nothing, as clients half-close at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterable
from enum import Enum
from typing import Protocol

import msgspec
import trio

from engine.domain.streams.broadcast import Subscription
from engine.domain.streams.detach import DetachFilter
from engine.domain.streams.fifo import CHUNK
from engine.domain.streams.frames import frame
from engine.domain.streams.stdin import ContainerStdin

CLOSE_DEADLINE = 5.0  # seconds for closing the container's input after the session

_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)


class ClientStream(Protocol):
    """A hijacked connection (or a WebSocket); closing it is its owner's."""

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray: ...

    async def send_all(self, data: bytes) -> None: ...


class AttachEnd(Enum):
    """Why a session ended. DETACHED is to become the event `detach`."""

    OUTPUT = "the output ended"
    INPUT = "the client's input ended"
    CLIENT = "the client left"
    DETACHED = "the client sent the detach keys"


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """What the client attaches to. Detach keys count only with a tty, as in dockerd.

    `raw` is output without frames: as with a tty, unless the client says otherwise.
    """

    output: Subscription | None = None
    stdin: ContainerStdin | None = None
    replay: AsyncIterable[bytes] | None = None  # API-ready pieces of the log, sent first
    tty: bool = False
    raw: bool | None = None
    detach_keys: bytes = b""
    stdin_once: bool = False


async def attach(client: ClientStream, attachment: Attachment) -> AttachEnd:
    """Runs until the session ends, and never raises because the client is gone."""
    session = _Session(client, attachment)
    try:
        return await session.run()
    finally:
        if attachment.output is not None:
            attachment.output.close()
        if session.closes_stdin and attachment.stdin is not None:
            with trio.move_on_after(CLOSE_DEADLINE, shield=True):
                await attachment.stdin.close()


class _Session:
    def __init__(self, client: ClientStream, attachment: Attachment) -> None:
        self._client = client
        self._to = attachment
        self._end: AttachEnd | None = None
        self._scope = trio.CancelScope()
        self._raw = attachment.tty if attachment.raw is None else attachment.raw
        self.closes_stdin = attachment.stdin_once and not attachment.tty

    async def run(self) -> AttachEnd:
        with self._scope:
            if await self._replay() and (self._to.output or self._to.stdin):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._input)
                    if self._to.output is not None:
                        nursery.start_soon(self._output, self._to.output)
        return self._end or AttachEnd.OUTPUT

    def _stop(self, end: AttachEnd) -> None:
        self._end = self._end or end
        self._scope.cancel()

    async def _send(self, data: bytes) -> bool:
        try:
            await self._client.send_all(data)
        except _GONE:
            self._stop(AttachEnd.CLIENT)
            return False
        return True

    async def _replay(self) -> bool:
        if self._to.replay is not None:
            async for piece in self._to.replay:
                if not await self._send(piece):
                    return False
        return True

    async def _output(self, output: Subscription) -> None:
        async for stream, data in output:
            if not await self._send(data if self._raw else frame(stream, data)):
                return
        self._stop(AttachEnd.OUTPUT)

    async def _input(self) -> None:
        keys = DetachFilter(self._to.detach_keys if self._to.tty else b"")
        while data := await self._receive():
            await self._forward(keys.feed(bytes(data)))
            if keys.detached:
                self._stop(AttachEnd.DETACHED)
        if data is None:
            self._stop(AttachEnd.CLIENT)
        elif self._to.stdin is not None:
            await self._input_ended(keys.flush())

    async def _receive(self) -> bytes | bytearray | None:
        try:
            return await self._client.receive_some(CHUNK)
        except _GONE:
            return None

    async def _input_ended(self, rest: bytes) -> None:
        await self._forward(rest)
        if self.closes_stdin and self._to.stdin is not None:
            await self._to.stdin.close()
        if not self.closes_stdin or self._to.output is None:
            self._stop(AttachEnd.INPUT)

    async def _forward(self, data: bytes) -> None:
        """A container that takes no more input is no reason to end: its output may go on."""
        if data and self._to.stdin is not None:
            try:
                await self._to.stdin.send_all(data)
            except _GONE:
                return
