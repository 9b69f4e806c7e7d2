"""Addresses inside a subnet: IPv4 one after the other, MAC and interface names from them."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from engine.domain.networks.pools import contains
from engine.errors import Conflict, InvalidParameter, SystemFailure


class AddressAllocator:
    """Which host addresses of a subnet are in use. The lowest free one is given, as dockerd does."""

    def __init__(
        self,
        subnet: IPv4Network,
        *,
        reserved: Iterable[IPv4Address] = (),
        ip_range: IPv4Network | None = None,
    ) -> None:
        self.subnet = subnet
        self._range = ip_range or subnet
        self._used = {int(address) for address in reserved}
        # Everything in the range below this is in use: a search starts here, not at the bottom.
        self._first_free = int(self._range.network_address)

    def take_next(self) -> IPv4Address:
        last = int(self._range.broadcast_address)
        candidate = self._first_free
        while candidate <= last:
            address = IPv4Address(candidate)
            if candidate not in self._used and contains(self.subnet, address):
                self._used.add(candidate)
                self._first_free = candidate + 1
                return address
            candidate += 1
        self._first_free = candidate
        raise SystemFailure("no available IPv4 addresses on this network's address pools")

    def take(self, address: IPv4Address) -> None:
        """A chosen address (`--ip`). Raises when it is outside or in use."""
        if not contains(self.subnet, address):
            raise InvalidParameter(
                f"invalid address {address}: It does not belong to any of this network's subnets"
            )
        if int(address) in self._used:
            raise Conflict("Address already in use")
        self._used.add(int(address))

    def free(self, address: IPv4Address) -> None:
        number = int(address)
        self._used.discard(number)
        if int(self._range.network_address) <= number < self._first_free:
            self._first_free = number

    def __contains__(self, address: IPv4Address) -> bool:
        return int(address) in self._used


def mac_of(address: IPv4Address) -> str:
    """02:42 and the address: who reuses an address reuses its MAC, so no neighbour is misled."""
    return ":".join(f"{byte:02x}" for byte in (0x02, 0x42, *address.packed))


def host_interface(endpoint_id: str) -> str:
    """`veth` and seven hex digits, as dockerd names them."""
    return f"veth{endpoint_id[:7]}"
