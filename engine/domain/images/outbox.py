"""Progress on its way to a client: work runs beside its reader, and a slow reader never holds it up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio

from engine.domain.images.progress import Message
from engine.domain.images.together import together
from supervisors import Refusal

__all__ = ["Outbox", "Report", "reported"]

Report = Callable[[Message], None]
Key = tuple[str, str] | int


class Outbox:
    """Messages in order. Of a bar that has moved on before it was read, only the last state is kept.

    At its end the iteration raises what the work has failed with.
    """

    def __init__(self) -> None:
        self._waiting: dict[Key, Message] = {}
        self._count = 0
        self._news = trio.Event()
        self._closed = False
        self._error: Exception | None = None

    def put(self, message: Message) -> None:
        self._waiting[self._key(message)] = message
        self._news.set()

    def close(self, error: Exception | None = None) -> None:
        self._closed = True
        self._error = error
        self._news.set()

    def __aiter__(self) -> Outbox:
        return self

    async def __anext__(self) -> Message:
        while not self._waiting:
            if self._closed:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._news = trio.Event()
            await self._news.wait()
        return self._waiting.pop(next(iter(self._waiting)))

    def _key(self, message: Message) -> Key:
        if message.get("progressDetail") and "id" in message:
            return str(message["id"]), str(message.get("status"))
        self._count += 1
        return self._count


@asynccontextmanager
async def reported(work: Callable[[Report], Awaitable[object]]) -> AsyncIterator[Outbox]:
    """Run the work while its messages are read; leaving ends it. Its refusals are for the reader."""
    outbox = Outbox()

    async def run() -> None:
        try:
            await work(outbox.put)
        except Refusal as error:
            outbox.close(error)
        else:
            outbox.close()

    async with together() as nursery:
        nursery.start_soon(run)
        yield outbox
        nursery.cancel_scope.cancel()
