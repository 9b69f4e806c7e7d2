from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest

from engine.domain.networks import pools
from engine.errors import InvalidParameter, NotFound


def test_default_pools_hold_dockerds_thirty_one_networks() -> None:
    taken: list[IPv4Network] = []
    for _ in range(31):
        taken.append(pools.allocate(pools.DEFAULT_POOLS, taken))
    assert [str(n) for n in (taken[0], taken[3], taken[-1])] == [
        "172.17.0.0/16",
        "172.20.0.0/16",
        "192.168.240.0/20",
    ]
    with pytest.raises(NotFound, match="could not find an available, non-overlapping IPv4"):
        pools.allocate(pools.DEFAULT_POOLS, taken)


@pytest.mark.parametrize("route", ["172.17.0.0/16", "172.17.200.0/24", "172.16.0.0/15"])
def test_subnet_overlaps_no_route_of_the_host(route: str) -> None:
    chosen = pools.allocate(pools.DEFAULT_POOLS, [IPv4Network(route)])
    assert chosen == IPv4Network("172.18.0.0/16")


def test_a_thousand_networks_fit_where_the_pools_are_large_enough() -> None:
    taken = [IPv4Network((0x0A000000 + 256 * i, 24)) for i in range(1000) if i != 700]
    pool = pools.parse_pool("10.0.0.0/14", 24)
    assert pools.allocate([pool], taken) == IPv4Network("10.2.188.0/24")
    assert pools.allocate([pool], [*taken, IPv4Network("10.2.188.0/30")]) == IPv4Network(
        "10.3.232.0/24"
    )


def test_own_range_of_ipv6_is_the_engines_and_in_64s() -> None:
    pool = pools.local_pool("e1")
    first = pools.allocate([pool], [], 6)
    second = pools.allocate([pool], [first], 6)
    assert first.network_address in pool.base
    assert first.prefixlen == 64
    assert int(second.network_address) == int(first.broadcast_address) + 1
    assert pools.local_pool("e2") != pool


def test_gateway_is_the_first_address() -> None:
    gateway = pools.gateway_of(IPv4Network("10.1.0.0/24"))
    assert gateway == IPv4Interface("10.1.0.1/24")


def test_bip_keeps_the_address_it_names() -> None:
    assert pools.parse_bip("10.1.0.9/24").ip == IPv4Address("10.1.0.9")


@pytest.mark.parametrize("bip", ["10.1.0.0/24", "nonsense", "10.1.0.1/31"])
def test_bip_without_room_for_hosts_is_refused(bip: str) -> None:
    with pytest.raises(InvalidParameter, match="invalid bridge address"):
        pools.parse_bip(bip)


@pytest.mark.parametrize(
    ("base", "size"), [("10.0.0.0/8", 7), ("10.0.0.0/8", 31), ("nonsense", 16), ("fd00::/64", 127)]
)
def test_impossible_pool_is_refused(base: str, size: int) -> None:
    with pytest.raises(InvalidParameter, match="invalid default address pool"):
        pools.parse_pool(base, size)
