"""Address pools: which subnet a network gets. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, ip_network

from engine.errors import InvalidParameter, NotFound

EXHAUSTED = (
    "could not find an available, non-overlapping IPv4 address pool among the defaults "
    "to assign to the network"
)


@dataclass(frozen=True, slots=True)
class Pool:
    """A range that is handed out in subnets of one size: `{"base": ..., "size": ...}`."""

    base: IPv4Network
    size: int

    def subnets(self) -> Iterator[IPv4Network]:
        return iter(self.base.subnets(new_prefix=self.size))


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


def parse_pool(base: str, size: int) -> Pool:
    """A pool of the configuration (`default-address-pools`)."""
    try:
        network = ip_network(base)
    except ValueError as error:
        raise InvalidParameter(f"invalid default address pool {base}: {error}") from error
    if not isinstance(network, IPv4Network) or not network.prefixlen <= size <= 30:
        raise InvalidParameter(f"invalid default address pool {base} size {size}")
    return Pool(network, size)


def allocate(pools: Sequence[Pool], taken: Iterable[IPv4Network]) -> IPv4Network:
    """The first subnet that overlaps nothing taken: other networks and what the host routes."""
    occupied = tuple(taken)
    for pool in pools:
        for subnet in pool.subnets():
            if not any(subnet.overlaps(other) for other in occupied):
                return subnet
    raise NotFound(EXHAUSTED)


def gateway_of(subnet: IPv4Network) -> IPv4Interface:
    """The first host address, as dockerd gives it to the bridge."""
    return IPv4Interface((int(subnet.network_address) + 1, subnet.prefixlen))


def parse_bip(bip: str) -> IPv4Interface:
    """`--bip`: the bridge's address with its prefix."""
    try:
        interface = IPv4Interface(bip)
    except ValueError as error:
        raise InvalidParameter(f"invalid bridge address {bip!r}: {error}") from error
    if interface.ip == interface.network.network_address or interface.network.prefixlen > 30:
        raise InvalidParameter(f"invalid bridge address {bip!r}: no host address in its network")
    return interface


def contains(subnet: IPv4Network, address: IPv4Address) -> bool:
    """Whether a host may have the address: inside, and neither the network's nor broadcast."""
    edges = (subnet.network_address, subnet.broadcast_address)
    return address in subnet and address not in edges
