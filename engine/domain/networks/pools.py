"""Address pools: which subnet a network gets. Pure."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_network,
)

import msgspec

from engine.errors import InvalidParameter, NotFound

Address = IPv4Address | IPv6Address
Subnet = IPv4Network | IPv6Network
Interface = IPv4Interface | IPv6Interface

# dockerd's text, and what it leaves the user to find out.
EXHAUSTED = (
    "could not find an available, non-overlapping IPv{version} address pool among the defaults "
    "to assign to the network (remove networks that are not in use, give this one a subnet, "
    "or add ranges to default-address-pools)"
)


class Pool(msgspec.Struct, frozen=True):
    """A range that is handed out in subnets of one size: `{"base": ..., "size": ...}`."""

    base: Subnet
    size: int


# dockerd's local scope: 31 networks.
DEFAULT_POOLS = tuple(
    Pool(IPv4Network(base), size)
    for base, size in (
        ("172.17.0.0/16", 16),
        ("172.18.0.0/16", 16),
        ("172.19.0.0/16", 16),
        ("172.20.0.0/14", 16),
        ("172.24.0.0/14", 16),
        ("172.28.0.0/14", 16),
        ("192.168.0.0/16", 20),
    )
)


def local_pool(engine_id: str) -> Pool:
    """A unique local range of this engine's own, in /64: nobody has to choose IPv6 subnets."""
    unique = hashlib.sha256(engine_id.encode()).digest()[:5]
    return Pool(IPv6Network((b"\xfd" + unique + bytes(10), 48)), 64)


def parse_pool(base: str, size: int) -> Pool:
    """A pool of the configuration (`default-address-pools`)."""
    try:
        network = ip_network(base, strict=False)
    except ValueError as error:
        raise InvalidParameter(f"invalid default address pool {base}: {error}") from error
    if not network.prefixlen <= size <= network.max_prefixlen - 2:
        raise InvalidParameter(f"invalid default address pool {base} size {size}")
    return Pool(network, size)


def allocate(pools: Sequence[Pool], taken: Iterable[Subnet], version: int = 4) -> Subnet:
    """The first subnet that overlaps nothing taken: other networks and what the host routes."""
    spans = sorted(
        (int(net.network_address), int(net.broadcast_address))
        for net in taken
        if net.version == version
    )
    starts, ends = [start for start, _ in spans], _running_maximum(end for _, end in spans)
    for pool in pools:
        if pool.base.version == version and (found := _first_free(pool, starts, ends)):
            return found
    raise NotFound(EXHAUSTED.format(version=version))


def _running_maximum(ends: Iterable[int]) -> list[int]:
    found: list[int] = []
    for end in ends:
        found.append(max(end, found[-1]) if found else end)
    return found


def _first_free(pool: Pool, starts: Sequence[int], ends: Sequence[int]) -> Subnet | None:
    """Steps over whole obstacles: a thousand networks in the way are a thousand steps at most."""
    bits = pool.base.max_prefixlen - pool.size
    candidate, last = int(pool.base.network_address), int(pool.base.broadcast_address)
    while candidate <= last:
        top = candidate + (1 << bits) - 1
        before = bisect_right(starts, top)  # those that begin at or below the candidate's end
        if before == 0 or ends[before - 1] < candidate:
            return ip_network((candidate, pool.size))
        candidate = ((ends[before - 1] >> bits) + 1) << bits
    return None


def gateway_of(subnet: Subnet) -> Interface:
    """The first host address, as dockerd gives it to the bridge."""
    first = int(subnet.network_address) + 1
    if isinstance(subnet, IPv6Network):
        return IPv6Interface((first, subnet.prefixlen))
    return IPv4Interface((first, subnet.prefixlen))


def parse_bip(bip: str) -> IPv4Interface:
    """`--bip`: the bridge's address with its prefix."""
    try:
        interface = IPv4Interface(bip)
    except ValueError as error:
        raise InvalidParameter(f"invalid bridge address {bip!r}: {error}") from error
    if interface.ip == interface.network.network_address or interface.network.prefixlen > 30:
        raise InvalidParameter(f"invalid bridge address {bip!r}: no host address in its network")
    return interface


def contains(subnet: Subnet, address: Address) -> bool:
    """Whether a host may have the address: inside, and neither the network's nor broadcast."""
    if address == subnet.network_address:
        return False
    if subnet.version == 4 and address == subnet.broadcast_address:
        return False
    return address in subnet
