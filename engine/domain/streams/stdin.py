"""A container's standard input, shared by those who attach to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from engine.domain.streams.fifo import FifoWriter


async def _nothing() -> None:
    pass


class ContainerStdin:
    """Exists before the container starts: what clients send until then waits for `connect`.

    Closing our end of the FIFO is not enough to let the process see the end, because the shim
    holds another: `on_close` is to ask containerd for CloseIO.
    """

    def __init__(self, on_close: Callable[[], Awaitable[None]] = _nothing) -> None:
        self.closed = False
        self._on_close = on_close
        self._writer: FifoWriter | None = None
        self._ended = False
        self._connected = trio.Event()
        self._lock = trio.Lock()

    async def connect(self, writer: FifoWriter) -> None:
        """The container has started. Closes the writer again if a client has ended the input."""
        self._writer = writer
        self._connected.set()
        if self._ended:
            await self.close()

    async def send_all(self, data: bytes) -> None:
        """BrokenResourceError or ClosedResourceError once the container takes no more."""
        async with self._lock:
            await self._connected.wait()
            if self.closed or self._writer is None:
                raise trio.ClosedResourceError
            await self._writer.send_all(data)

    async def close(self) -> None:
        """The process sees the end of its input, when it has read what was sent before."""
        self._ended = True
        if self._connected.is_set() and not self.closed:
            self.discard()
            await self._on_close()

    def discard(self) -> None:
        """The container has gone: nothing can be sent any more."""
        self.closed = True
        self._connected.set()
        if self._writer is not None:
            self._writer.close()
