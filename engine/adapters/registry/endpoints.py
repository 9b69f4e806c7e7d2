"""Where a registry is: its mirrors, then itself over https, then over http if that is allowed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

import msgspec
import trio

from engine.adapters.registry.settings import RegistrySettings

__all__ = ["HUB", "Endpoint", "endpoints_of", "is_insecure", "lookup", "registry_host"]

HUB = "docker.io"
HUB_HOST = "registry-1.docker.io"
# What users and old configuration files call Docker Hub.
HUB_NAMES = frozenset({HUB, "index.docker.io", HUB_HOST, ""})
LOOPBACK = ("127.0.0.0/8", "::1/128")
LOOKUP_LIMIT = 5.0

Lookup = Callable[[str], Awaitable[Sequence[str]]]


class Endpoint(msgspec.Struct, frozen=True):
    """`base` has no slash at its end; `verify` is about the certificate."""

    base: str
    verify: bool = True
    mirror: bool = False

    @property
    def host(self) -> str:
        return urlsplit(self.base).netloc


def registry_host(domain: str) -> str:
    """The host that serves what a reference's domain names."""
    return HUB_HOST if domain in HUB_NAMES else domain


async def endpoints_of(
    domain: str, settings: RegistrySettings, lookup: Lookup, *, mirrors: bool = True
) -> list[Endpoint]:
    """In the order in which they are tried."""
    name = HUB if domain in HUB_NAMES else domain
    urls = settings.mirrors.get(name, settings.mirrors.get("*", ())) if mirrors else ()
    found = []
    for url in urls:
        insecure = await is_insecure(urlsplit(url).netloc, settings.insecure, lookup)
        found.append(Endpoint(url.rstrip("/"), verify=not insecure, mirror=True))
    host = registry_host(domain)
    insecure = await is_insecure(host, settings.insecure, lookup)
    found.append(Endpoint(f"https://{host}", verify=not insecure))
    if insecure:
        found.append(Endpoint(f"http://{host}", verify=False))
    return found


async def is_insecure(host: str, listed: Sequence[str], lookup: Lookup) -> bool:
    """Listed by name, or with an address in a listed network; loopback always is, as in dockerd."""
    if host in listed or host.rpartition(":")[0] in listed:
        return True
    if host == HUB_HOST:
        return False
    networks = [each for each in map(_network, (*LOOPBACK, *listed)) if each is not None]
    name = urlsplit(f"//{host}").hostname or ""
    addresses = [name] if _is_address(name) else await lookup(name)
    return any(
        address in network
        for address in map(ip_address, addresses)
        for network in networks
        if address.version == network.version
    )


async def lookup(name: str) -> Sequence[str]:
    """A host's addresses; none when it has no name, which connecting will then tell."""
    try:
        with trio.fail_after(LOOKUP_LIMIT):
            found = await trio.socket.getaddrinfo(name, None, type=trio.socket.SOCK_STREAM)
    except (OSError, UnicodeError, trio.TooSlowError):
        return []
    return [str(sockaddr[0]).partition("%")[0] for *_, sockaddr in found]


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False) if "/" in text else None
    except ValueError:
        return None


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
