"""What a container's place in a network takes as driver options: its interface's name and sysctls. Pure.

The sysctls' texts are dockerd's.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from engine.errors import InvalidParameter

PREFIX = "com.docker.network.endpoint."
IFNAME = f"{PREFIX}ifname"
SYSCTLS = f"{PREFIX}sysctls"
PLACE = "IFNAME"
"""Stands for the interface, which nobody knows yet."""


class EndpointOptions(msgspec.Struct, frozen=True):
    """`sysctls` are `net.ipv4.conf.IFNAME.NAME=VALUE`; other options are nobody's."""

    ifname: str = ""
    sysctls: list[str] = []


def parse_options(options: Mapping[str, str]) -> EndpointOptions:
    """Raises InvalidParameter."""
    name = options.get(IFNAME, "")
    sysctls = [each for each in options.get(SYSCTLS, "").split(",") if each]
    for each in sysctls:
        _check(each)
    return EndpointOptions(interface_name(name) if name else "", sysctls)


def interface_name(name: str) -> str:
    """What the kernel takes as one, and no path leads out of."""
    if len(name) > 15 or not name.isprintable() or set(name) & set('/ :"') or name in (".", ".."):
        raise InvalidParameter(f"invalid interface name: {name}")
    return name


def sysctl_path(text: str, interface: str) -> tuple[str, str]:
    """Below /proc/sys, and the value."""
    key, _, value = text.partition("=")
    parts = key.split(".")
    parts[3] = interface
    return "/".join(parts), value


def _check(text: str) -> None:
    key, equals, _ = text.partition("=")
    if not equals:
        raise InvalidParameter(f"expected sysctl '{text}' to have format name=value")
    parts = key.split(".")
    plain = all(each and not set(each) & {"/", "\0"} for each in parts)
    if len(parts) != 5 or parts[0] != "net" or parts[3] != PLACE or not plain:
        raise InvalidParameter(f"expected sysctl '{text}' to have format net.X.Y.IFNAME.Z")
