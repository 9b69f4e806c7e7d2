"""A container's place in a network: its addresses taken from the book, its interface as it must be."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv6Address,
    IPv6Interface,
    ip_address,
    ip_interface,
    ip_network,
)

from engine.domain.networks.addresses import (
    Addresses,
    host_interface,
    mac_of,
    next_interface,
    parse_address,
)
from engine.domain.networks.book import Book
from engine.domain.networks.endpointoptions import parse_options, sysctl_path
from engine.domain.networks.leasing import Lease, Place
from engine.domain.networks.pools import EXHAUSTED, Address
from engine.domain.networks.ports import VethPlan
from engine.domain.networks.predefined import lacks_subnet, new_id
from engine.domain.networks.records import Endpoint, EndpointWish, NetworkRecord
from engine.errors import Conflict, InvalidParameter, SystemFailure

BARE = ("host", "null")
"""Drivers without interfaces."""
NOWHERE = Place()


def bare(network: NetworkRecord) -> Endpoint:
    """An endpoint without interface, on `host` and `none`."""
    return Endpoint(network_id=network.id, network_name=network.name, endpoint_id=new_id())


def check_wish(network: NetworkRecord, wish: EndpointWish) -> None:
    """What the predefined networks can't give. Raises InvalidParameter with dockerd's texts."""
    if not network.predefined:
        return
    if wish.ip or wish.ip6:
        raise InvalidParameter(
            "user specified IP address is supported on user defined networks only"
        )
    if wish.aliases:
        raise InvalidParameter(
            "network-scoped alias is supported only for containers in user defined networks"
        )


def make(
    book: Book,
    network: NetworkRecord,
    wish: EndpointWish,
    mac: str,
    beside: Iterable[Endpoint],
    lease: Lease | None = None,
) -> Endpoint:
    """Takes the addresses: all or none. Nothing here awaits. A `lease` has those that a plugin gave."""
    if lacks_subnet(network):
        raise SystemFailure(
            f"the default bridge has no subnet: {EXHAUSTED.format(version=4)}, then start the daemon anew"
        )
    check_wish(network, wish)
    options, others = parse_options(wish.options), [each.interface for each in beside]
    if options.ifname in others:
        raise Conflict(f"interface name {options.ifname} is already in use")
    local = [str(_local(each)) for each in wish.local]
    endpoint_id = lease.endpoint_id if lease else new_id()
    places = lease.places if lease and network.leased else _places(book, network, wish)
    place, place6 = places.get(4, NOWHERE), places.get(6, NOWHERE)
    chosen = (lease.mac if lease else wish.mac or mac) or _mac(network, place, place6)
    veth = network.driver == "bridge"
    return Endpoint(
        network_id=network.id,
        network_name=network.name,
        endpoint_id=endpoint_id,
        interface=options.ifname or _name(network, others),
        host_interface=host_interface(endpoint_id) if veth else "",
        ip=str(place.address or ""),
        prefix=place.prefix,
        gateway=place.gateway,
        ip6=str(place6.address or ""),
        prefix6=place6.prefix,
        gateway6=place6.gateway,
        mac=chosen.lower() if network.driver != "ipvlan" else "",
        aliases=wish.aliases,
        links=wish.links,
        priority=wish.priority,
        sysctls=options.sysctls,
        local=local,
        driver=network.driver if network.remote else "",
    )


def _places(book: Book, network: NetworkRecord, wish: EndpointWish) -> dict[int, Place]:
    ip = _take(book.allocators.get(network.id), wish.ip, 4)
    try:
        ip6 = _take(book.allocators6.get(network.id), wish.ip6, 6)
    except BaseException:
        if ip is not None:
            book.allocators[network.id].free(ip)
        raise
    return {each.version: _place(network, each) for each in (ip, ip6) if each is not None}


def _name(network: NetworkRecord, others: Iterable[str]) -> str:
    """A plugin says only later how its interfaces begin."""
    return "" if network.remote else next_interface(network.prefix, others)


def _take(allocator: Addresses | None, wish: str, version: int) -> Address | None:
    if allocator is None:
        if wish:
            raise InvalidParameter(
                f"invalid address {wish}: It does not belong to any of this network's subnets"
            )
        return None
    if not wish:
        return allocator.take_next()
    address = parse_address(wish, version)
    allocator.take(address)
    return address


def _place(network: NetworkRecord, address: Address) -> Place:
    """With length of the prefix and gateway of the subnet that the address is in. A plugin's driver names
    its gateway itself."""
    room = network.room(address)
    leads = not (network.internal or network.remote)
    return Place(address, ip_network(room.subnet).prefixlen, room.exit if leads else "")


def _local(text: str) -> IPv4Interface | IPv6Interface:
    """With the length of the prefix that link-local addresses have."""
    try:
        address = ip_address(text)
    except ValueError as error:
        raise InvalidParameter(f"invalid link-local IP address: {text}") from error
    return ip_interface(f"{address}/{16 if address.version == 4 else 64}")


def _mac(network: NetworkRecord, *places: Place) -> str:
    """A plugin's driver may have one of its own."""
    found = next((each.address for each in places if each.address is not None), None)
    return mac_of(found) if found is not None and not network.remote else ""


def gateway_endpoint(endpoints: Iterable[Endpoint]) -> Endpoint | None:
    """Which one has the default route and the published ports: the highest priority, then both
    families before one, then the network's name, as dockerd chooses."""
    leading = [each for each in endpoints if each.gateway or each.gateway6]
    return min(leading, key=_rank, default=None)


def ranked(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    """In the order in which names are looked for: as above, those that lead nowhere at the end."""
    return sorted(endpoints, key=lambda e: (not (e.gateway or e.gateway6), *_rank(e)))


def _rank(endpoint: Endpoint) -> tuple[int, bool, str]:
    both = bool(endpoint.gateway and endpoint.gateway6)
    return -endpoint.priority, not both, endpoint.network_name


def veth_plan(
    network: NetworkRecord, endpoint: Endpoint, alias: str, *, default_route: bool
) -> VethPlan:
    gateway = endpoint.gateway if default_route else ""
    gateway6 = endpoint.gateway6 if default_route else ""
    return VethPlan(
        host_name=endpoint.host_interface,
        name=endpoint.interface,
        bridge=network.bridge or network.parent,
        mac=endpoint.mac,
        address=IPv4Interface(f"{endpoint.ip}/{endpoint.prefix}") if endpoint.ip else None,
        address6=IPv6Interface(f"{endpoint.ip6}/{endpoint.prefix6}") if endpoint.ip6 else None,
        gateway=IPv4Address(gateway) if gateway else None,
        gateway6=IPv6Address(gateway6) if gateway6 else None,
        mtu=network.mtu,
        alias=alias,
        isolated=not network.icc,
        kind="veth" if network.driver == "bridge" else network.driver,
        mode=network.mode,
        local=tuple(ip_interface(each) for each in endpoint.local),
        sysctls=tuple(sysctl_path(each, endpoint.interface) for each in endpoint.sysctls),
    )
