from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.networks.addresses import AddressAllocator, Addresses, host_interface, mac_of
from engine.errors import Conflict, InvalidParameter, SystemFailure

GATEWAY = IPv4Address("10.0.0.1")


def allocator(subnet: str = "10.0.0.0/24") -> AddressAllocator:
    return AddressAllocator(IPv4Network(subnet), reserved=[GATEWAY])


def test_lowest_free_address_is_given() -> None:
    addresses = allocator()
    first, second = addresses.take_next(), addresses.take_next()
    addresses.free(first)
    assert [str(first), str(second)] == ["10.0.0.2", "10.0.0.3"]
    assert [str(addresses.take_next()) for _ in range(2)] == ["10.0.0.2", "10.0.0.4"]


def test_full_subnet_is_an_answer() -> None:
    addresses = allocator("10.0.0.0/30")
    addresses.take_next()
    with pytest.raises(SystemFailure, match="no available IPv4 addresses"):
        addresses.take_next()


def test_chosen_address_is_taken_once_and_skipped() -> None:
    addresses = allocator()
    addresses.take(IPv4Address("10.0.0.2"))
    assert str(addresses.take_next()) == "10.0.0.3"
    with pytest.raises(Conflict, match="Address already in use"):
        addresses.take(IPv4Address("10.0.0.2"))


def test_address_that_no_host_may_have_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="does not belong to any"):
        allocator().take(IPv4Address("10.0.1.1"))
    for reserved in ("10.0.0.0", "10.0.0.255"):
        with pytest.raises(Conflict, match="Address already in use"):
            allocator().take(IPv4Address(reserved))


def test_range_bounds_the_automatic_addresses_only() -> None:
    addresses = AddressAllocator(
        IPv4Network("10.0.0.0/24"), reserved=[GATEWAY], ip_range=IPv4Network("10.0.0.128/25")
    )
    addresses.take(IPv4Address("10.0.0.5"))
    addresses.free(IPv4Address("10.0.0.5"))
    assert str(addresses.take_next()) == "10.0.0.128"


@given(st.lists(st.booleans(), max_size=60))
def test_no_address_is_given_twice(moves: list[bool]) -> None:
    addresses = allocator("10.0.0.0/26")
    held: list[IPv4Address] = []
    for take in moves:
        if take or not held:
            held.append(addresses.take_next())
        else:
            addresses.free(held.pop(0))
        assert len(set(held)) == len(held)
        assert all(address in addresses for address in held)


def test_mac_follows_the_address() -> None:
    assert mac_of(IPv4Address("172.17.0.2")) == "02:42:ac:11:00:02"


def test_host_interface_fits_the_kernels_fifteen_characters() -> None:
    assert host_interface("abcdef0123456789") == "vethabcdef0"


def test_next_subnet_gives_where_the_first_is_full() -> None:
    addresses = Addresses(allocator("10.0.0.0/30"), AddressAllocator(IPv4Network("10.1.0.0/30")))
    given = [str(addresses.take_next()) for _ in range(3)]
    assert given == ["10.0.0.2", "10.1.0.1", "10.1.0.2"]
    with pytest.raises(SystemFailure, match="no available IPv4 addresses"):
        addresses.take_next()
    addresses.free(IPv4Address("10.0.0.2"))
    assert IPv4Address("10.0.0.2") not in addresses
    assert str(addresses.take_next()) == "10.0.0.2"


def test_chosen_address_is_of_the_subnet_that_it_is_in() -> None:
    addresses = Addresses(allocator(), AddressAllocator(IPv4Network("10.1.0.0/24")))
    addresses.take(IPv4Address("10.1.0.1"))
    assert IPv4Address("10.1.0.1") in addresses
    with pytest.raises(Conflict, match="Address already in use"):
        addresses.take(IPv4Address("10.1.0.1"))
    with pytest.raises(InvalidParameter, match="does not belong to any"):
        addresses.take(IPv4Address("10.2.0.1"))
