"""Ports as requests name them: `ExposedPorts`, `PortBindings`, `-P`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import Protocol

import msgspec

from engine.errors import InvalidParameter

PROTOCOLS = ("tcp", "udp", "sctp")


class Binding(Protocol):
    """One entry of `HostConfig.PortBindings`."""

    @property
    def host_ip(self) -> str: ...

    @property
    def host_port(self) -> str: ...


class ContainerPort(msgspec.Struct, frozen=True, order=True):
    number: int
    proto: str

    def __str__(self) -> str:
        return f"{self.number}/{self.proto}"


class PortRequest(msgspec.Struct, frozen=True):
    """One wish to publish. First and last are 0 when any host port will do."""

    port: ContainerPort
    host_ip: str = ""
    first: int = 0
    last: int = 0


def parse_port(text: str) -> ContainerPort:
    """`80`, `80/tcp`."""
    number, _, proto = text.partition("/")
    proto = proto.lower() or "tcp"
    if proto not in PROTOCOLS:
        raise InvalidParameter(f"invalid proto: {proto}")
    if not number.isdecimal() or not 0 < int(number) <= 65535:
        raise InvalidParameter(f'invalid port specification: "{text}"')
    return ContainerPort(int(number), proto)


def parse_exposed(texts: Iterable[str]) -> list[ContainerPort]:
    """Keys of `ExposedPorts`, ranges (`80-82/tcp`) included, sorted."""
    found = set()
    for text in texts:
        numbers, _, proto = text.partition("/")
        first, dash, last = numbers.partition("-")
        low, high = (parse_port(f"{n}/{proto}") for n in (first, last if dash else first))
        if low.number > high.number:
            raise InvalidParameter(f'invalid port specification: "{text}"')
        found |= {ContainerPort(n, low.proto) for n in range(low.number, high.number + 1)}
    return sorted(found)


def parse_host_port(text: str) -> tuple[int, int]:
    """`8080`, `8080-8090`; nothing or 0 means any."""
    if not text:
        return 0, 0
    first, dash, last = text.partition("-")
    ends = (first, last if dash else first)
    if not all(end.isdecimal() and int(end) <= 65535 for end in ends):
        raise InvalidParameter(f'invalid port specification: "{text}"')
    low, high = int(ends[0]), int(ends[1])
    if low > high:
        raise InvalidParameter(f'invalid port specification: "{text}"')
    return low, high


def parse_ports(
    exposed: Iterable[str],
    bindings: Mapping[str, Sequence[Binding] | None],
    *,
    publish_all: bool = False,
) -> list[PortRequest]:
    """What is to be published, by container port; a port's bindings in their order.

    A binding publishes although the port isn't exposed. dockerd 20.10 ignores such bindings,
    but who writes one wants the port.
    """
    wanted: dict[ContainerPort, list[PortRequest]] = {}
    for key, entries in bindings.items():
        port = parse_port(key)
        for binding in entries or ():
            low, high = parse_host_port(binding.host_port)
            request = PortRequest(port, _host_ip(binding.host_ip), low, high)
            wanted.setdefault(port, []).append(request)
    if publish_all:
        for port in parse_exposed(exposed):
            wanted.setdefault(port, [PortRequest(port)])
    return [request for port in sorted(wanted) for request in wanted[port]]


def _host_ip(text: str) -> str:
    """dockerd takes an address that it can't parse for none and publishes to the world."""
    if text:
        try:
            ip_address(text)
        except ValueError as error:
            raise InvalidParameter(f"invalid IP address: {text}") from error
    return text
