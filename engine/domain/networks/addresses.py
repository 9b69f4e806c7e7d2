"""Addresses inside a subnet: the lowest free one, MAC and interface names from them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from ipaddress import ip_address

from engine.domain.networks.pools import Address, Subnet, contains
from engine.errors import Conflict, InvalidParameter, SystemFailure


class AddressAllocator:
    """Which host addresses of a subnet are in use. The lowest free one is given, as dockerd does."""

    def __init__(
        self,
        subnet: Subnet,
        *,
        reserved: Iterable[Address] = (),
        ip_range: Subnet | None = None,
    ) -> None:
        self.subnet = subnet
        self._range = ip_range or subnet
        self._used = {int(address) for address in reserved}
        # Everything in the range below this is in use: a search starts here, not at the bottom.
        self._first_free = int(self._range.network_address)

    def take_next(self) -> Address:
        last = int(self._range.broadcast_address)
        candidate = self._first_free
        while candidate <= last:
            address = self._range.network_address + (candidate - int(self._range.network_address))
            if candidate not in self._used and contains(self.subnet, address):
                self._used.add(candidate)
                self._first_free = candidate + 1
                return address
            candidate += 1
        self._first_free = candidate
        family = f"IPv{self.subnet.version}"
        raise SystemFailure(f"no available {family} addresses on this network's address pools")

    def take(self, address: Address) -> None:
        """A chosen address (`--ip`). Raises when it is outside or in use."""
        if address.version != self.subnet.version or address not in self.subnet:
            raise InvalidParameter(
                f"invalid address {address}: It does not belong to any of this network's subnets"
            )
        if int(address) in self._used or not contains(self.subnet, address):
            raise Conflict("Address already in use")
        self._used.add(int(address))

    def free(self, address: Address) -> None:
        number = int(address)
        self._used.discard(number)
        if int(self._range.network_address) <= number < self._first_free:
            self._first_free = number

    def __contains__(self, address: Address) -> bool:
        return int(address) in self._used


class Addresses:
    """The subnets of a network in one family: the next one gives where those before it are full."""

    def __init__(self, *parts: AddressAllocator) -> None:
        self._parts = parts

    def take_next(self) -> Address:
        for part in self._parts[:-1]:
            with contextlib.suppress(SystemFailure):
                return part.take_next()
        return self._parts[-1].take_next()

    def take(self, address: Address) -> None:
        """A chosen address. Raises when it is outside of all, or in use."""
        self._of(address).take(address)

    def free(self, address: Address) -> None:
        self._of(address).free(address)

    def _of(self, address: Address) -> AddressAllocator:
        return next((each for each in self._parts if address in each.subnet), self._parts[0])

    def __contains__(self, address: Address) -> bool:
        return address in self._of(address)


def parse_address(text: str, version: int) -> Address:
    """A wish for an address of one family."""
    try:
        address = ip_address(text)
    except ValueError as error:
        raise InvalidParameter(f"invalid IPv{version} address: {text}") from error
    if address.version != version:
        raise InvalidParameter(f"invalid IPv{version} address: {text}")
    return address


def mac_of(address: Address) -> str:
    """02:42 and the last four bytes: who reuses an address reuses its MAC, so no neighbour is misled."""
    return ":".join(f"{byte:02x}" for byte in (0x02, 0x42, *address.packed[-4:]))


def host_interface(endpoint_id: str) -> str:
    """`veth` and seven hex digits, as dockerd names them."""
    return f"veth{endpoint_id[:7]}"


def next_interface(prefix: str, taken: Iterable[str]) -> str:
    """`eth0`, `eth1`: the lowest that is free."""
    names = set(taken)
    number = 0
    while f"{prefix}{number}" in names:
        number += 1
    return f"{prefix}{number}"
