"""Sockets inside a container's namespace, and the redirect that leads its questions to them.

The ports are random: a container may serve DNS itself.
"""

from __future__ import annotations

import contextlib
import socket
from functools import partial

import msgspec

from engine.adapters.netlink import namespace
from engine.adapters.netlink.threads import in_own_thread
from engine.adapters.nft.library import Nft

ADDRESS = "127.0.0.11"
TABLE = "trimaran-resolver"
DEADLINE = 5.0


class Pair(msgspec.Struct, frozen=True):
    udp: socket.socket
    tcp: socket.socket

    def close(self) -> None:
        self.udp.close()
        self.tcp.close()


async def listen(path: str) -> Pair:
    """Both sockets, bound, and the redirect in place of whatever an earlier resolver left."""
    work = partial(_listen, path)
    return await in_own_thread("listen for names", work, deadline=DEADLINE)


async def inside(path: str, family: socket.AddressFamily, kind: socket.SocketKind) -> socket.socket:
    """A socket that sends from the namespace."""
    work = partial(_socket, path, family, kind)
    return await in_own_thread("ask from a container", work, deadline=DEADLINE)


def _socket(path: str, family: socket.AddressFamily, kind: socket.SocketKind) -> socket.socket:
    namespace.leave_for(path)
    made = socket.socket(family, kind)
    made.setblocking(False)
    return made


def _listen(path: str) -> Pair:
    namespace.leave_for(path)
    with contextlib.ExitStack() as undo:
        udp = undo.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        tcp = undo.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        for each in (udp, tcp):
            each.bind((ADDRESS, 0))
            each.setblocking(False)
        tcp.listen(128)
        nft = Nft()
        try:
            nft.run(redirect(udp.getsockname()[1], tcp.getsockname()[1]))
        finally:
            nft.close()
        undo.pop_all()
    return Pair(udp, tcp)


def redirect(udp: int, tcp: int) -> str:
    """Commands for the namespace's own ruleset."""
    return (
        f"add table ip {TABLE}\ndelete table ip {TABLE}\ntable ip {TABLE} {{\n"
        "chain output {\n"
        "type nat hook output priority -100; policy accept;\n"
        f"ip daddr {ADDRESS} udp dport 53 dnat to {ADDRESS}:{udp}\n"
        f"ip daddr {ADDRESS} tcp dport 53 dnat to {ADDRESS}:{tcp}\n"
        "}\n}\n"
    )
