"""Ports as clients write them: `80/tcp`, and the host ports bound to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.errors import InvalidParameter
from engine.models.networks import PortBinding

HIGHEST = 65535


def parse_port(text: str) -> tuple[int, str]:
    """`80/tcp` or `80` to (80, "tcp"); raises InvalidParameter."""
    number, _, protocol = text.partition("/")
    if not number.isdecimal() or int(number) > HIGHEST:
        raise InvalidParameter(f'invalid port specification: "{number}"')
    return int(number), protocol.lower() or "tcp"


def parse_range(text: str) -> tuple[int, int] | None:
    """A host port: `8080`, `8000-8010`, or None for "" (any). Raises InvalidParameter."""
    bare = text.partition("/")[0]
    if not bare:
        return None
    low, dash, high = bare.partition("-")
    if not low.isdecimal() or (dash and not high.isdecimal()):
        raise InvalidParameter(f'invalid port specification: "{text}"')
    first, last = int(low), int(high or low)
    if last < first or last > HIGHEST:
        raise InvalidParameter(f'invalid port specification: "{text}"')
    return (first, last)


def check_bindings(bindings: Mapping[str, Sequence[PortBinding] | None]) -> None:
    """HostConfig.PortBindings; raises InvalidParameter."""
    for port, hosts in bindings.items():
        if port:
            parse_port(port)
        for binding in hosts or ():
            parse_range(binding.host_port)
