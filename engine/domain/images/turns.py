"""One at a time for each key: who comes second waits, and is told how the first gets on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import trio

from engine.domain.images.outbox import Report
from engine.domain.images.progress import Message

__all__ = ["Turns"]


class _Turn(msgspec.Struct, eq=False):
    lock: trio.Lock = msgspec.field(default_factory=trio.Lock)
    watchers: list[Report] = msgspec.field(default_factory=list)

    def tell(self, message: Message) -> None:
        for watcher in self.watchers:
            watcher(message)


class Turns:
    """When the one whose turn it is goes away, the next in line takes over."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turn] = {}

    @asynccontextmanager
    async def turn(self, key: str, report: Report) -> AsyncIterator[Report]:
        """What is reported inside reaches everybody who waits for the same key."""
        turn = self._turns.setdefault(key, _Turn())
        turn.watchers.append(report)
        try:
            async with turn.lock:
                yield turn.tell
        finally:
            turn.watchers.remove(report)
            if not turn.watchers:
                del self._turns[key]
