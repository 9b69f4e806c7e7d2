"""EXPOSE's port specs, as docker/go-connections' nat package reads them."""

from __future__ import annotations

from collections.abc import Iterable

from engine.errors import InvalidParameter

__all__ = ["exposed_ports"]

_PROTOCOLS = ("tcp", "udp", "sctp")


def exposed_ports(specs: Iterable[str]) -> dict[str, dict[str, str]]:
    """{"80/tcp": {}} from `80`, `80-82/udp` or `ip:host:80`, sorted; raises InvalidParameter."""
    ports = [port for spec in specs for port in _ports(spec)]
    return {port: {} for port in sorted(ports)}


def _ports(spec: str) -> list[str]:
    numbers, slash, protocol = spec.rpartition(":")[2].partition("/")
    protocol = protocol.lower() if slash and protocol else "tcp"
    if not numbers:
        raise InvalidParameter(f"No port specified: {spec}<empty>")
    first, dash, last = numbers.partition("-")
    start, end = _number(first), _number(last if dash else first)
    if start is None or end is None or end < start:
        raise InvalidParameter(f"Invalid containerPort: {numbers}")
    if protocol not in _PROTOCOLS:
        raise InvalidParameter(f"Invalid proto: {protocol}")
    return [f"{port}/{protocol}" for port in range(start, end + 1)]


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and text.isascii() and int(text) <= 65535 else None
