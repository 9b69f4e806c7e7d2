"""Passing clients to buildkitd: `/grpc` byte by byte, `/session` as the call that buildkitd has for it.

A session's client is itself a gRPC server. dockerd hosts the other end in its own process; a buildkitd
takes it through the call `Control/Session`, whose messages are pieces of the client's bytes.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import trio
from google.protobuf.wrappers_pb2 import BytesValue
from grpclib.const import Cardinality
from grpclib.exceptions import GRPCError, StreamTerminatedError

from engine.adapters.buildkit.process import Need
from engine.adapters.buildkit.settings import PROGRAM
from engine.adapters.containerd.channel import Channel, Stream
from engine.domain.images.together import together
from engine.errors import Unavailable

__all__ = ["BuildKitDoor"]

PIECE = 1 << 16
START_LIMIT = 20.0
"""Seconds for a buildkitd to listen; its worker waits for containerd."""
LOOK = 0.05
OPEN_LIMIT = 10.0
SESSION = "/moby.buildkit.v1.Control/Session"
LOST = (trio.BrokenResourceError, trio.ClosedResourceError, GRPCError, StreamTerminatedError)

Carry = Callable[[trio.abc.HalfCloseableStream], Awaitable[None]]


class BuildKitDoor:
    """The BuildKit port. `found`: the machine has one; `wanted`: the configuration wants it just now."""

    def __init__(self, need: Need, wanted: Callable[[], bool], *, found: bool) -> None:
        self.need = need
        self.found = found
        self._wanted = wanted

    @property
    def available(self) -> bool:
        """Whether it is to be had; whether it runs is seen at its use."""
        return self.found and self._wanted()

    @asynccontextmanager
    async def control(self) -> AsyncIterator[Carry]:
        """Connected to it. Unavailable."""
        async with await self._connected() as server:

            async def carry(client: trio.abc.HalfCloseableStream) -> None:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_copy, client, server, nursery.cancel_scope)
                    await _copy(server, client, nursery.cancel_scope)
                    nursery.cancel_scope.cancel()

            yield carry

    @asynccontextmanager
    async def session(self, metadata: Sequence[tuple[str, str]]) -> AsyncIterator[Carry]:
        """The call is open; its headers are the session's. Unavailable."""
        probe = await self._connected()
        await probe.aclose()
        channel = Channel(str(self.need.places.socket), name=PROGRAM)
        async with together() as nursery:
            await nursery.start(lambda task_status: channel.run(task_status=task_status))
            await channel.wait_ready()
            call = channel.request(
                SESSION, Cardinality.STREAM_STREAM, BytesValue, BytesValue, metadata=list(metadata)
            )
            await call.__aenter__()
            try:
                await _opened(call)
                yield lambda client: _call(client, call)
            finally:
                call.abandon()
                nursery.cancel_scope.cancel()

    async def _connected(self) -> trio.SocketStream:
        """As soon as it listens; the first client is who starts it."""
        self.need.tell()
        with trio.move_on_after(START_LIMIT):
            while True:
                sock = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                try:
                    await sock.connect(str(self.need.places.socket))
                    return trio.SocketStream(sock)
                except OSError:
                    sock.close()
                except BaseException:
                    sock.close()
                    raise
                await trio.sleep(LOOK)
        raise Unavailable(f"buildkitd does not answer: {self.need.reason}")


async def _opened(call: Stream) -> None:
    """It begins without a message: buildkitd is who speaks first on a session."""
    try:
        with trio.fail_after(OPEN_LIMIT):
            await call.begin()
    except (*LOST, trio.TooSlowError) as error:
        raise Unavailable(f"buildkitd takes no session: {error}") from error


async def _copy(
    source: trio.abc.HalfCloseableStream,
    target: trio.abc.HalfCloseableStream,
    both: trio.CancelScope,
) -> None:
    """Up to the source's end, which is told; where one side breaks, both are over."""
    try:
        while data := await source.receive_some(PIECE):
            await target.send_all(data)
        await target.send_eof()
    except LOST:
        both.cancel()


async def _call(client: trio.abc.HalfCloseableStream, call: Stream) -> None:
    async with trio.open_nursery() as nursery:

        async def upwards() -> None:
            try:
                while data := await client.receive_some(PIECE):
                    await call.send_message(BytesValue(value=bytes(data)))
                await call.end()
            except LOST:
                nursery.cancel_scope.cancel()

        nursery.start_soon(upwards)
        try:
            while (message := await call.recv_message()) is not None:
                await client.send_all(message.value)
        except LOST:
            pass
        nursery.cancel_scope.cancel()
