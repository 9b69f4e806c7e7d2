"""What a build says, in the messages of dockerd's stream; a client that reads slowly slows the build down."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import trio

from engine.errors import EngineError

__all__ = ["BuildFailed", "Sink", "Talk", "short"]

Message = Mapping[str, Any]
HELD = 4096
"""Messages; of more, the last are kept."""
PATIENCE = 8 << 20
"""Characters that a stage may say before its turn."""
RED, PLAIN = "\x1b[91m", "\x1b[0m"


class BuildFailed(EngineError):
    """A command's failure; `code` is its exit code, which becomes the CLI's."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Sink:
    """Where the messages go. Those of a quiet build wait, and are told only if it fails."""

    def __init__(self, channel: trio.MemorySendChannel[Message], *, quiet: bool) -> None:
        self._channel = channel
        self.quiet = quiet
        self._held: deque[Message] = deque(maxlen=HELD)

    async def send(self, message: Message) -> None:
        if self.quiet:
            self._held.append(message)
        else:
            await self._channel.send(message)

    async def failed(self) -> None:
        for message in self._held:
            await self._channel.send(message)

    async def tell(self, message: Message) -> None:
        """Also of a quiet build."""
        await self._channel.send(message)


class Talk:
    """One stage's voice. Before its turn it is kept, and of much the stage waits for its turn."""

    def __init__(self, sink: Sink, *, at_once: bool = True) -> None:
        self._sink = sink
        self._waiting: deque[Message] = deque()
        self._size = 0
        self._turn = trio.Event()
        if at_once:
            self._turn.set()

    async def begin(self) -> None:
        """Its turn: say what was kept, and from now on everything at once."""
        while self._waiting:
            await self._sink.send(self._waiting.popleft())
        self._turn.set()

    async def _send(self, message: Message) -> None:
        if self._turn.is_set():
            await self._sink.send(message)
            return
        self._waiting.append(message)
        self._size += len(str(message))
        if self._size > PATIENCE:
            await self._turn.wait()

    async def say(self, text: str) -> None:
        await self._send({"stream": text})

    async def warn(self, text: str) -> None:
        await self._send({"stream": f"{RED}{text}{PLAIN}"})

    async def raw(self, message: Message) -> None:
        await self._send(message)

    async def aux(self, image_id: str) -> None:
        await self._send({"aux": {"ID": image_id}})


def short(image_id: str) -> str:
    return image_id.removeprefix("sha256:")[:12]
