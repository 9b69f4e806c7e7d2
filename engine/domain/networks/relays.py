"""What the kernel can't divert: what goes to [::1], and over IPv6 to a container without it.

The socket that holds such a port listens, and each connection or datagram is carried to the
container, which sees the bridge's address. TCP and UDP; everything else is the firewall's.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Network, IPv6Address, ip_address

import msgspec
import trio

from engine.domain.networks.datagrams import Datagrams

log = logging.getLogger(__name__)

BACKLOG = 128
MOST = 256
"""Connections carried at a time, for each port."""
CONNECT_LIMIT = 5.0
CHUNK = 64 * 1024
_SHARED = IPv4Network("100.64.0.0/10")

Port = tuple[str, str, int]
"""Protocol, address and number."""
Target = Callable[[], tuple[str, int] | None]
"""Where the container is now; None when it can't be reached."""


class Relay(msgspec.Struct, frozen=True):
    """`held` keeps the port; `near`: for clients with private addresses alone."""

    held: socket.socket
    target: Target
    near: bool


class Relays:
    """Passive but while a service runs it; what is put meanwhile starts then."""

    def __init__(self) -> None:
        self._wanted: dict[Port, Relay] = {}
        self._running: dict[Port, _Running] = {}
        self._nursery: trio.Nursery | None = None

    async def run(self) -> None:
        try:
            async with trio.open_nursery() as self._nursery:
                for port in self._wanted:
                    self._start(port)
                await trio.sleep_forever()
        finally:
            self._nursery = None
            for running in self._running.values():
                running.end()
            self._running.clear()

    def put(self, port: Port, relay: Relay) -> None:
        self._wanted[port] = relay
        self._start(port)

    def drop(self, port: Port) -> None:
        """Nobody listens when this returns: the port may be taken again at once."""
        self._wanted.pop(port, None)
        if running := self._running.pop(port, None):
            running.end()

    def _start(self, port: Port) -> None:
        if self._nursery is None or port in self._running:
            return
        relay = self._wanted[port]
        stream = relay.held.type == socket.SOCK_STREAM
        try:
            if stream:
                # Connections that a former relay carried may still linger on the port.
                relay.held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                relay.held.listen(BACKLOG)
            # Its own descriptor: the port is held by the other one.
            own = socket.socket(fileno=os.dup(relay.held.fileno()))
        except OSError as error:
            log.warning("port %s cannot be relayed: %s", port, error)
            return
        own.setblocking(False)
        running = self._running[port] = _Running(own, trio.CancelScope())
        self._nursery.start_soon(_serve if stream else _serve_datagrams, relay, running)


class _Running(msgspec.Struct, frozen=True):
    own: socket.socket
    cancel: trio.CancelScope

    @property
    def ended(self) -> bool:
        """Before its task began."""
        return self.own.fileno() < 0

    def end(self) -> None:
        self.cancel.cancel()
        trio.lowlevel.notify_closing(self.own)
        self.own.close()


async def _serve(relay: Relay, running: _Running) -> None:
    limiter = trio.CapacityLimiter(MOST)

    if running.ended:
        return

    async def carry(client: trio.SocketStream) -> None:
        # Or what remains of the connection keeps the port from the next container.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        async with client, limiter:
            await _carry(client, relay)

    with running.cancel:
        handler: Callable[[trio.SocketStream], Awaitable[None]] = carry
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(running.own))
        await trio.serve_listeners(handler, [listener])


async def _serve_datagrams(relay: Relay, running: _Running) -> None:
    def target(client: str) -> tuple[str, int] | None:
        return None if relay.near and not is_near(client) else relay.target()

    if running.ended:
        return
    with running.cancel:
        await Datagrams(running.own, target).run()


async def _carry(client: trio.SocketStream, relay: Relay) -> None:
    target = relay.target()
    if target is None or (relay.near and not is_near(client.socket.getpeername()[0])):
        return
    try:
        with trio.fail_after(CONNECT_LIMIT):
            server = await trio.open_tcp_stream(*target)
        async with server, trio.open_nursery() as nursery:
            nursery.start_soon(_copy, client, server)
            nursery.start_soon(_copy, server, client)
    except (OSError, trio.TooSlowError):
        return


async def _copy(source: trio.SocketStream, sink: trio.SocketStream) -> None:
    """To its end, which is passed on: the other direction may go on."""
    try:
        while data := await source.receive_some(CHUNK):
            await sink.send_all(data)
        await sink.send_eof()
    except (trio.BrokenResourceError, trio.ClosedResourceError, OSError):
        await trio.aclose_forcefully(source)
        await trio.aclose_forcefully(sink)


def is_near(address: str) -> bool:
    """As the firewall has it: private, shared and link-local addresses."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return found.is_private or found.is_link_local or found in _SHARED
