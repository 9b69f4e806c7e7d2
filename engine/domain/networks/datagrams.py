"""Datagrams that the kernel can't divert, carried between a published port and its container.

The socket that holds the port receives them; each client has a flow of its own to the container,
which sees the bridge's address. Answers leave from the address that the client asked.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
from collections.abc import Callable
from typing import cast

import msgspec
import trio

log = logging.getLogger(__name__)

IDLE = 90.0
"""Seconds after which a flow without datagrams is forgotten, as by dockerd's proxy."""
MOST = 256
"""Flows at a time, for each port."""
BUFFER = 1 << 18
PAUSE = 0.05
"""Seconds to wait after the socket's error, which may stay."""
_INFO = struct.Struct("=16sI")

Address = tuple[str, int]
Target = Callable[[str], Address | None]
"""Where datagrams of a client's address go; None when nowhere."""


class _Flow(msgspec.Struct):
    channel: trio.socket.SocketType
    target: Address
    asked: bytes  # what IPV6_PKTINFO said: the address that the client sent to
    last: float


class Datagrams:
    """One port's flows. `own` is a descriptor of the caller's, closed when `run` ends."""

    def __init__(self, own: socket.socket, target: Target) -> None:
        self._own = own
        self._target = target
        self._flows: dict[tuple[object, ...], _Flow] = {}

    def __len__(self) -> int:
        """How many flows there are."""
        return len(self._flows)

    async def run(self) -> None:
        self._own.setblocking(False)
        self._own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        if self._own.family == socket.AF_INET6:
            self._own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        with trio.socket.from_stdlib_socket(self._own) as channel:
            async with trio.open_nursery() as nursery:
                while True:
                    try:
                        data, extra, _, who = await channel.recvmsg(65535, 256)
                    except OSError as error:  # an answer could not be delivered, or worse
                        log.debug("datagrams: %s", error)
                        await trio.sleep(PAUSE)
                        continue
                    client = cast("tuple[object, ...]", who)
                    flow = await self._flow(client, _asked(extra), channel, nursery)
                    if flow is not None:
                        flow.last = trio.current_time()
                        with contextlib.suppress(OSError):  # nobody listens there
                            await flow.channel.send(data)

    async def _flow(
        self,
        client: tuple[object, ...],
        asked: bytes,
        channel: trio.socket.SocketType,
        nursery: trio.Nursery,
    ) -> _Flow | None:
        target = self._target(str(client[0]))
        flow = self._flows.get(client)
        if flow is not None and flow.target == target:
            return flow
        if flow is not None:  # the container has moved
            self._flows.pop(client)
            flow.channel.close()
        if target is None or len(self._flows) >= MOST:
            return None
        family = trio.socket.AF_INET6 if ":" in target[0] else trio.socket.AF_INET
        made = trio.socket.socket(family, trio.socket.SOCK_DGRAM)
        try:
            await made.connect(target)
        except OSError:
            made.close()
            return None
        flow = self._flows[client] = _Flow(made, target, asked, trio.current_time())
        nursery.start_soon(self._answer, client, flow, channel)
        return flow

    async def _answer(
        self, client: tuple[object, ...], flow: _Flow, channel: trio.socket.SocketType
    ) -> None:
        with flow.channel:
            try:
                while (rest := flow.last + IDLE - trio.current_time()) > 0:
                    with trio.move_on_after(rest):
                        await self._pass_on(client, flow, channel)
            except trio.ClosedResourceError:
                return
            finally:
                if self._flows.get(client) is flow:
                    del self._flows[client]

    async def _pass_on(
        self, client: tuple[object, ...], flow: _Flow, channel: trio.socket.SocketType
    ) -> None:
        """One datagram. What can't be sent is lost, as datagrams may be."""
        try:
            data = await flow.channel.recv(65535)
        except OSError:  # the container refused one; the next may be taken
            await trio.sleep(PAUSE)
            return
        flow.last = trio.current_time()
        source = [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, flow.asked)] if flow.asked else []
        with contextlib.suppress(OSError):
            await channel.sendmsg([data], source, 0, client)


def _asked(extra: list[tuple[int, int, bytes]]) -> bytes:
    """The local address, for the answer's source; its interface is the routes' choice."""
    for level, kind, data in extra:
        if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
            address, index = _INFO.unpack(data[: _INFO.size])
            link_local = address[0] == 0xFE and address[1] & 0xC0 == 0x80
            return _INFO.pack(address, index if link_local else 0)
    return b""
