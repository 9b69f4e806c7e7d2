"""Makes calls for the service modules: namespace and lease metadata, deadlines, engine errors."""

from __future__ import annotations

import sys
from typing import Any, Generic, TypeVar, cast

import trio
from grpclib.client import ServiceMethod, UnaryStreamMethod, UnaryUnaryMethod

from engine.adapters.containerd.channel import Channel, Stream
from engine.adapters.containerd.errors import translated
from engine.errors import DeadlineExceeded

Request = TypeVar("Request")
Reply = TypeVar("Reply")

TIMEOUT = 10.0
IDLE_LIMIT = 30.0  # between two messages of a stream that should flow


class Calls:
    """One channel seen from one namespace."""

    def __init__(self, channel: Channel, namespace: str) -> None:
        self.channel = channel
        self.namespace = namespace

    def metadata(self, lease: str | None = None) -> dict[str, str]:
        metadata = {"containerd-namespace": self.namespace}
        if lease:
            metadata["containerd-lease"] = lease
        return metadata

    async def unary(
        self,
        method: UnaryUnaryMethod[Request, Reply],
        request: Request,
        *,
        timeout: float | None = TIMEOUT,
        lease: str | None = None,
    ) -> Reply:
        """One call. The time that it waits for a connection counts, and ends in Unavailable."""
        started = trio.current_time()
        if self.channel.state != "ready":
            limit = self.channel.ready_limit
            await self.channel.wait_ready(limit if timeout is None else min(limit, timeout))
        if timeout is not None:
            timeout = max(timeout - (trio.current_time() - started), 0.001)
        with translated():
            call = method.open(timeout=timeout, metadata=self.metadata(lease))
            async with call as stream:
                assert isinstance(stream, Stream)
                with stream.scope:  # once, not at each of grpclib's steps
                    await stream.send_message(request, end=True)
                    reply = await stream.recv_message()
        assert reply is not None
        return cast(Reply, reply)

    async def stream(
        self,
        method: UnaryStreamMethod[Request, Reply],
        request: Request,
        *,
        idle_limit: float | None = IDLE_LIMIT,
        lease: str | None = None,
    ) -> MessageStream[Reply]:
        """A call that answers with many messages, each at most `idle_limit` seconds apart."""
        stream = await self.open(method, lease=lease)
        try:
            with translated(stream):
                await stream.send_message(request, end=True)
        except BaseException:
            stream.abandon()
            raise
        return MessageStream(stream, method.name, idle_limit)

    async def open(self, method: ServiceMethod[Any, Any], *, lease: str | None = None) -> Stream:
        """A bare stream, which the caller abandons or ends."""
        await self.channel.wait_ready()
        stream = method.open(metadata=self.metadata(lease))
        assert isinstance(stream, Stream)
        return await stream.__aenter__()


class MessageStream(Generic[Reply]):
    """The messages of a running call; closing it, or losing it to the collector, ends the call."""

    def __init__(self, stream: Stream, name: str, idle_limit: float | None) -> None:
        self._stream = stream
        self._name = name
        self._idle_limit = idle_limit

    def __aiter__(self) -> MessageStream[Reply]:
        return self

    async def __anext__(self) -> Reply:
        message = await self.receive()
        if message is None:
            raise StopAsyncIteration
        return message

    async def __aenter__(self) -> MessageStream[Reply]:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def receive(self) -> Reply | None:
        """The next message; None at the end. Any failure ends the call."""
        if self._stream.over:
            return None
        try:
            with trio.fail_after(self._idle_limit or float("inf")), translated(self._stream):
                message: Reply | None = await self._stream.recv_message()
                if message is None:
                    await self._stream.__aexit__(None, None, None)
            return message
        except trio.TooSlowError:
            raise DeadlineExceeded(f"containerd: no message from {self._name}") from None
        finally:
            if sys.exception() is not None:
                self.close()

    def close(self) -> None:
        self._stream.abandon()

    def __del__(self) -> None:
        self._stream.abandon()
