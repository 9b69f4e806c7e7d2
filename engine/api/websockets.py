"""A WebSocket as a byte stream, for clients that attach through one."""

from __future__ import annotations

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection


class WebSocketStream:
    """Messages in and out as bytes, binary always."""

    def __init__(self, connection: WebSocketConnection) -> None:
        self._connection = connection

    async def receive_some(self, max_bytes: int | None = None) -> bytes:  # noqa: ARG002  a message is one piece
        """The next message; b"" at the end."""
        try:
            message = await self._connection.get_message()
        except ConnectionClosed:
            return b""
        return message.encode() if isinstance(message, str) else bytes(message)

    async def send_all(self, data: bytes) -> None:
        """BrokenResourceError when the client has gone."""
        try:
            await self._connection.send_message(data)
        except ConnectionClosed as error:
            raise trio.BrokenResourceError from error
