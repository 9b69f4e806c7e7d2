"""Tells when anybody changed the ruleset, from the kernel's nftables notifications."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import AsyncIterator

import trio

_NETFILTER, _SOL_NETLINK, _ADD_MEMBERSHIP = 12, 270, 1
_GROUP_NFTABLES = 7
_NEW_GENERATION = (10 << 8) | 15  # NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWGEN: ends each transaction
_PROCESS_ID = 2  # NFTA_GEN_PROC_PID
_MESSAGE = struct.Struct("=IHHII")


async def changes() -> AsyncIterator[None]:
    """One item for each burst of foreign transactions."""
    raw = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETFILTER)
    raw.bind((0, 0))
    raw.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, _GROUP_NFTABLES)
    with trio.socket.from_stdlib_socket(raw) as listener:
        while True:
            try:
                data = await listener.recv(1 << 16)
            except OSError:  # ENOBUFS: more happened than the socket could hold
                yield None
                continue
            if any(not _is_ours(pid) for pid in generations(data)):
                yield None


def generations(data: bytes) -> list[int]:
    """The thread that made each generation in the datagram."""
    found, at = [], 0
    while at + 16 <= len(data):
        length, kind, *_ = _MESSAGE.unpack_from(data, at)
        if kind == _NEW_GENERATION:
            found.append(_author(data[at + 20 : at + length]))
        at += max(16, (length + 3) & ~3)
    return found


def _author(attributes: bytes) -> int:
    at = 0
    while at + 4 <= len(attributes):
        length, kind = struct.unpack_from("=HH", attributes, at)
        if kind == _PROCESS_ID:
            pid: int = struct.unpack_from(">I", attributes, at + 4)[0]
            return pid
        at += max(4, (length + 3) & ~3)
    return 0


def _is_ours(pid: int) -> bool:
    # The kernel names the thread; a change of our own needs no second look.
    return os.path.exists(f"/proc/self/task/{pid}")
