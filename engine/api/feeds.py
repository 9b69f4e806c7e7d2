"""A feed: a WebSocket on which the daemon tells and the client says no more than how much it can take.

Memory is bounded by not asking for more than is being written. A client that stops reading stops its own
feed alone, and when it answers no ping either, it is let go.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream

from engine.api.frames import CLOSE_SECONDS, FrameStream, close_frame, short
from engine.api.hijack import HEAD_SECONDS, hijack_handshake

log = logging.getLogger(__name__)

PING_SECONDS = 20.0
PONG_SECONDS = 20.0
MESSAGE_LIMIT = 4096
WRITE_LIMIT = 64 * 1024
"""Bytes that are put into one write: more would only lie in memory."""
MOST_CREDIT = 1 << 31

NORMAL, GOING_AWAY, NOT_UNDERSTOOD, POLICY, INTERNAL = 1000, 1001, 1007, 1008, 1011
UNSPEAKABLE = (1005, 1006, 1015)
"""Codes that no frame may carry (RFC 6455, 7.4.1)."""
NO_PONG, NOT_YET = 4001, 4002
"""Close codes of our own: no pong in time; a start after the newest event."""


Hear = Callable[[str | bytes], None]


class Credit(msgspec.Struct):
    """The client's only message: it can take so many more frames."""

    credit: int


class Closing(Exception):
    """Ends a feed with a code and the reason that the client is told."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Window:
    """How many frames the client takes: without limit until it says a number."""

    def __init__(self, credit: int | None = None) -> None:
        self._left = credit
        self._more = trio.Event()

    def grant(self, count: int) -> None:
        """So many more; the first grant is what begins the counting."""
        if not 0 < count <= MOST_CREDIT:
            raise Closing(POLICY, f"credit must be a number from 1 to {MOST_CREDIT}")
        self._left = min(MOST_CREDIT, (self._left or 0) + count)
        self._more.set()

    def has(self, count: int) -> bool:
        """Is there credit for so many at once?"""
        return self._left is None or self._left >= count

    def spend(self, count: int) -> None:
        """What it `has`."""
        if self._left is not None:
            self._left -= count

    async def take(self, wanted: int) -> int:
        """As many of those as there is credit for, at least one; waits until there is."""
        while self._left == 0:
            self._more = trio.Event()
            await self._more.wait()
        if self._left is None:
            return wanted
        taken = min(wanted, self._left)
        self._left -= taken
        return taken


class Feed:
    """One client's connection."""

    def __init__(
        self,
        connection: WebSocketConnection,
        stream: FrameStream,
        window: Window,
        hear: Hear | None = None,
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._window = window
        self._hear = hear
        stream.closing = self._last_word

    def _last_word(self) -> bytes:
        closed = self._connection.closed
        if closed is None or closed.code in UNSPEAKABLE:
            return b""
        return close_frame(closed.code, closed.reason or "")

    @property
    def outlet(self) -> Feed | None:
        """To write to at once; None over TLS."""
        return self if self._stream.socket is not None else None

    def ready(self, count: int) -> bool:
        """Could it take so many frames now?"""
        open = self._connection.closed is None
        return open and self._stream.free and self._window.has(count)

    def offer(self, data: bytes, count: int) -> bool:
        """So many whole frames, without waiting, while it is ready; `flush` writes what this leaves."""
        self._window.spend(count)
        return self._stream.offer(data)

    async def flush(self) -> None:
        """As fast as the client takes it."""
        await self.say(b"")

    async def send(self, frames: Sequence[bytes]) -> None:
        """As fast as the client takes them. Waits while it does not."""
        at = 0
        while at < len(frames):
            end = at + await self._window.take(len(frames) - at)
            while at < end:
                at = await self._write(frames, at, end)

    async def _write(self, frames: Sequence[bytes], at: int, end: int) -> int:
        piece = [frames[at]]
        size = len(frames[at])
        at += 1
        while at < end and (size := size + len(frames[at])) <= WRITE_LIMIT:
            piece.append(frames[at])
            at += 1
        await self.say(b"".join(piece))
        return at

    async def say(self, frame: bytes) -> None:
        """Outside the window: what is no part of the stream."""
        if self._connection.closed is not None:
            raise ConnectionClosed(self._connection.closed)
        try:
            await self._stream.send_all(frame)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise ConnectionClosed(self._connection.closed) from None

    async def listen(self) -> None:
        """Take the client's grants until it goes."""
        while True:
            message = await self._connection.get_message()
            if self._hear is not None:
                self._hear(message)
                continue
            try:
                if isinstance(message, str):
                    said = msgspec.json.decode(message, type=Credit)
                else:
                    said = msgspec.msgpack.decode(message, type=Credit)
            except (msgspec.MsgspecError, UnicodeError) as error:
                raise Closing(
                    NOT_UNDERSTOOD, f'only {{"credit": N}} is understood: {error}'
                ) from None
            self._window.grant(said.credit)

    async def stay_alive(self, every: float, limit: float) -> None:
        """Ping; a client that does not answer in time has gone, or does not read."""
        while True:
            await trio.sleep(every)
            with trio.move_on_after(limit) as waiting:
                await self._connection.ping()
            if waiting.cancelled_caught:
                raise Closing(NO_PONG, f"no pong within {limit:g} s")

    async def close(self, code: int, reason: str) -> None:
        """Say why, if that can still be said, and close."""
        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_SECONDS):
            if self._stream.cut:
                await self._stream.aclose()
            else:
                await self._connection.aclose(code, short(reason))


@asynccontextmanager
async def open_feed(
    window: Window,
    *,
    subprotocol: str | None = None,
    every: float = PING_SECONDS,
    limit: float = PONG_SECONDS,
    hear: Hear | None = None,
) -> AsyncIterator[Feed]:
    """Take the request's connection for a feed. The block ends when the client goes, does not answer or
    does not behave; `Closing` ends it from inside. The client is told the reason."""
    stream = FrameStream(await hijack_handshake())
    try:
        async with trio.open_nursery() as library:
            with trio.fail_after(HEAD_SECONDS):
                proposal = await wrap_server_stream(library, stream, max_message_size=MESSAGE_LIMIT)
                connection = await proposal.accept(subprotocol=subprotocol)
            feed = Feed(connection, stream, window, hear)
            code, reason = GOING_AWAY, "the daemon stops"
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(feed.listen)
                    nursery.start_soon(feed.stay_alive, every, limit)
                    yield feed
                    code, reason = NORMAL, "this is all"
                    nursery.cancel_scope.cancel()
            except* Closing as closing:
                code, reason = _first(closing)
            except* ConnectionClosed:
                pass
            except* Exception:
                code, reason = INTERNAL, "the feed failed"
                raise
            finally:
                await feed.close(code, reason)
                library.cancel_scope.cancel()
    except* ConnectionClosed:  # the library's own reader, when it answers to what is gone
        log.debug("a feed's client went in the middle")


def _first(group: BaseExceptionGroup[Closing]) -> tuple[int, str]:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, Closing)
    return error.code, error.reason
