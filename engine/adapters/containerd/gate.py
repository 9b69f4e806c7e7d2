"""A resettable event on trio: what grpclib uses asyncio's Event for."""

from __future__ import annotations

import trio


class Gate:
    """`set` wakes all who wait and lets later ones through until `clear`."""

    __slots__ = ("_event", "_open")

    def __init__(self, *, is_open: bool = False) -> None:
        self._open = is_open
        self._event = trio.Event()

    def is_set(self) -> bool:
        return self._open

    def set(self) -> None:
        if not self._open:
            self._open = True
            self._event.set()

    def clear(self) -> None:
        if self._open:
            self._open = False
            self._event = trio.Event()

    async def wait(self) -> None:
        """Not a checkpoint when open: it stands before every HTTP/2 frame that is written."""
        if not self._open:
            await self._event.wait()
