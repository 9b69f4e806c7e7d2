"""Who is at the other end of a unix socket."""

from __future__ import annotations

import socket
import struct
from typing import Any

import msgspec


class Peer(msgspec.Struct, frozen=True):
    """The process that connected, as the kernel recorded it then (SO_PEERCRED)."""

    pid: int
    uid: int
    gid: int


def peer_of(sock: Any) -> Peer | None:
    """The peer of a unix socket (a stdlib or trio socket); None for other families."""
    if sock.family != socket.AF_UNIX:
        return None
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return Peer(*struct.unpack("3i", raw))
