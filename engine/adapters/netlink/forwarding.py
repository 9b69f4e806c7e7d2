"""Forwarding: switched on when it is off, and the memory that it was we who did it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.adapters.netlink.links import Link, all_links, sysctl
from engine.adapters.netlink.wire import RouteSocket

_FORWARDING6 = Path("/proc/sys/net/ipv6/conf/all/forwarding")
_UNCLOSED = ("bridge",)


def enable(memory: Path) -> tuple[str, ...]:
    """The links to close against each other. `memory` lies in the exec root, gone at a boot.

    Bridges are never closed: another engine's may come to life later, and has rules of its own.
    """
    with RouteSocket() as netlink:
        links = all_links(netlink)
    if not _is_on():
        closed = sorted(link.name for link in links if _is_uplink(link))
        memory.parent.mkdir(parents=True, exist_ok=True)
        # Before the switch: who dies in between must not leave a router behind.
        memory.write_bytes(msgspec.json.encode(closed))
        sysctl("ipv4/ip_forward", "1")
        return tuple(closed)
    try:
        return tuple(msgspec.json.decode(memory.read_bytes(), type=list[str]))
    except (FileNotFoundError, msgspec.DecodeError):
        return ()


def enable6() -> None:
    """IPv6 forwarding. A router ignores advertisements: who has its default route from one must
    be told to go on listening (accept_ra 2), before the switch."""
    if _read(_FORWARDING6) in ("1", ""):
        return
    for path in sorted(_FORWARDING6.parents[1].glob("*/accept_ra")):
        if _read(path) == "1":
            sysctl(f"ipv6/conf/{path.parent.name}/accept_ra", "2")
    sysctl("ipv6/conf/all/forwarding", "1")


def _read(path: Path) -> str:
    """ "" on a kernel without IPv6."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _is_on() -> bool:
    return Path("/proc/sys/net/ipv4/ip_forward").read_text().strip() == "1"


def _is_uplink(link: Link) -> bool:
    ours = link.alias.startswith("trimaran:")
    return link.name != "lo" and link.kind not in _UNCLOSED and not ours
