"""A container's output, handed to any number of attached clients.

A client that doesn't keep up holds the container's output back, as in dockerd; one that has left
doesn't. The fan-out outlives the copier that feeds it, so a crash of the copier detaches nobody.
"""

from __future__ import annotations

from collections import deque

import trio

BACKLOG = 1 << 20  # bytes that may wait for one client
PIECE = 64 * 1024  # neighbours are joined up to this size


class Subscription:
    """An async iterator of (stream, data); ends with the output or with `close`."""

    def __init__(self, fanout: Fanout, streams: frozenset[str]) -> None:
        self.streams = streams
        self.backlog = 0
        self._fanout = fanout
        self._chunks: deque[tuple[str, bytes]] = deque()
        self._news = trio.lowlevel.ParkingLot()
        self._ended = False

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> tuple[str, bytes]:
        await trio.lowlevel.checkpoint()
        while not self._chunks:
            if self._ended:
                raise StopAsyncIteration
            await self._news.park()
        return self._take()

    def close(self) -> None:
        """Leaves: drops what waits, and releases the container if it waited for us."""
        self._fanout.discard(self)
        self._chunks.clear()
        self.backlog = 0
        self.end()
        self._fanout.taken()

    def put(self, stream: str, chunk: bytes) -> None:
        self._chunks.append((stream, chunk))
        self.backlog += len(chunk)
        self._news.unpark_all()

    def end(self) -> None:
        self._ended = True
        self._news.unpark_all()

    def _take(self) -> tuple[str, bytes]:
        stream, chunk = self._chunks.popleft()
        parts, size = [chunk], len(chunk)
        while self._chunks and self._chunks[0][0] == stream:
            size += len(self._chunks[0][1])
            if size > PIECE:
                break
            parts.append(self._chunks.popleft()[1])
        data = b"".join(parts) if len(parts) > 1 else chunk
        self.backlog -= len(data)
        self._fanout.taken()
        return stream, data


class Fanout:
    """One for each run of a container."""

    def __init__(self, *, limit: int = BACKLOG) -> None:
        self.closed = False
        self._limit = limit
        self._subscriptions: list[Subscription] = []
        self._room = trio.lowlevel.ParkingLot()

    def subscribe(self, *, stdout: bool = True, stderr: bool = True) -> Subscription:
        """What is published from now on; nothing if the output has ended."""
        chosen = {"stdout": stdout, "stderr": stderr}
        streams = frozenset(name for name, wanted in chosen.items() if wanted)
        subscription = Subscription(self, streams)
        if self.closed:
            subscription.end()
        else:
            self._subscriptions.append(subscription)
        return subscription

    def offer(self, stream: str, chunk: bytes) -> None:
        """Hands the chunk to all clients at once: a crash can't come in between."""
        for subscription in self._subscriptions:
            if stream in subscription.streams:
                subscription.put(stream, chunk)

    async def drained(self) -> None:
        """Returns when no client has more than the limit waiting."""
        while not self.closed and self.backlog > self._limit:
            await self._room.park()

    async def publish(self, stream: str, chunk: bytes) -> None:
        self.offer(stream, chunk)
        await self.drained()

    @property
    def backlog(self) -> int:
        """Of the slowest client, in bytes."""
        return max((each.backlog for each in self._subscriptions), default=0)

    @property
    def clients(self) -> int:
        return len(self._subscriptions)

    def close(self) -> None:
        """The output has ended; clients still get what waits for them."""
        self.closed = True
        for subscription in self._subscriptions:
            subscription.end()
        self._subscriptions.clear()
        self._room.unpark_all()

    def discard(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)

    def taken(self) -> None:
        """Some client has less waiting than before."""
        if self._room and self.backlog <= self._limit:
            self._room.unpark_all()
