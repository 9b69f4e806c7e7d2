"""A link request's bytes, read by hand as the kernel reads them (uapi/linux/if_link.h).

What this kernel has no interface for is held to its messages; no library that wrote them reads them.
"""

from __future__ import annotations

import struct

from engine.adapters.netlink.wire import Message

ADDRESS, IFNAME, LINK, INFO, NET_NS_FD = 1, 3, 5, 18, 28
INFO_KIND, INFO_DATA = 1, 2
_HEADERS = 32  # of netlink and of links


def attributes(data: bytes) -> dict[int, bytes]:
    """Type to payload; whoever asks knows what is nested."""
    found, at = {}, 0
    while at + 4 <= len(data):
        size, kind = struct.unpack_from("=HH", data, at)
        found[kind & 0x3FFF] = data[at + 4 : at + size]
        at += (size + 3) & ~3
    return found


def of_link(message: Message) -> dict[int, bytes]:
    return attributes(message.encode(1)[_HEADERS:])


def kind_of(found: dict[int, bytes]) -> tuple[str, dict[int, bytes]]:
    """The link's kind, and the attributes that are the kind's own."""
    info = attributes(found[INFO])
    return info[INFO_KIND].rstrip(b"\0").decode(), attributes(info.get(INFO_DATA, b""))


def text(payload: bytes) -> str:
    return payload.rstrip(b"\0").decode()
