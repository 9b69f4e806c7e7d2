"""The room's memory: networks, who is attached, which addresses and ports are taken.

Nothing here awaits, so every change is atomic; readers see it whole. It outlives the service's
incarnations.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import msgspec

from engine.domain.networks.addresses import AddressAllocator, Addresses
from engine.domain.networks.pools import Subnet
from engine.domain.networks.ports import BridgeRules, FirewallPlan, PortForward
from engine.domain.networks.predefined import lacks_subnet
from engine.domain.networks.records import Endpoint, NetworkRecord, PublishedPort, Room, Sandbox
from engine.errors import InvalidParameter, NotFound


class Attachment(msgspec.Struct):
    """A container's place in the networks. `joined` shares another container's namespace."""

    container_id: str
    name: str
    sandbox: Sandbox
    joined: bool = False
    started: bool = (
        False  # prepared ahead until then: such a one is not shown, and keeps nobody waiting
    )
    published: list[PublishedPort] = msgspec.field(default_factory=list)
    forwards: frozenset[PortForward] = frozenset()


class Book(msgspec.Struct):
    networks: dict[str, NetworkRecord] = msgspec.field(default_factory=dict)
    attachments: dict[str, Attachment] = msgspec.field(default_factory=dict)
    allocators: dict[str, Addresses] = msgspec.field(default_factory=dict)
    allocators6: dict[str, Addresses] = msgspec.field(default_factory=dict)
    coming: dict[str, NetworkRecord] = msgspec.field(default_factory=dict)
    leaving: dict[str, NetworkRecord] = msgspec.field(default_factory=dict)
    closed_links: tuple[str, ...] = ()
    restored: bool = False

    def put(self, record: NetworkRecord) -> None:
        """Add or replace a network. Addresses in use stay so while its subnet stays."""
        before = self.networks.get(record.id)
        self.networks[record.id] = record
        if record.leased:
            return  # a plugin knows which of its addresses are taken
        for version, allocators in ((4, self.allocators), (6, self.allocators6)):
            rooms = record.rooms(version)
            there = before.rooms(version) if before else []
            if rooms and [each.subnet for each in rooms] != [each.subnet for each in there]:
                allocators[record.id] = Addresses(*map(_allocator, rooms))

    def forget(self, record: NetworkRecord) -> None:
        self.networks.pop(record.id, None)
        self.allocators.pop(record.id, None)
        self.allocators6.pop(record.id, None)

    def everything(self) -> Iterator[NetworkRecord]:
        """Also the networks that are just being made or removed: their names and subnets are taken."""
        yield from self.networks.values()
        yield from self.coming.values()
        yield from self.leaving.values()

    def subnets(self, besides: str = "") -> Iterator[Subnet]:
        """Those of all networks but one."""
        for record in self.everything():
            if record.alone and record.id != besides:
                rooms = (*record.rooms(4), *record.rooms(6))
                yield from (ip_network(each.subnet) for each in rooms)

    def find(self, term: str) -> NetworkRecord:
        """By full ID, then name, then unambiguous ID prefix."""
        if term in self.networks:
            return self.networks[term]
        for matches in (
            [n for n in self.networks.values() if n.name == term],
            [n for n in self.networks.values() if term and n.id.startswith(term)],
        ):
            if len(matches) == 1:
                return matches[0]
            if matches:
                raise InvalidParameter(
                    f"network {term} is ambiguous ({len(matches)} matches found based on ID prefix)"
                )
        raise NotFound(f"network {term} not found")

    def named(self, name: str) -> NetworkRecord | None:
        return next((n for n in self.networks.values() if n.name == name), None)

    def attachment(self, container_id: str) -> Attachment:
        try:
            return self.attachments[container_id]
        except KeyError:
            raise NotFound(f"container {container_id} has no network prepared") from None

    def attached(self, network_id: str) -> Iterator[tuple[Attachment, Endpoint]]:
        for attachment in self.attachments.values():
            for endpoint in attachment.sandbox.endpoints:
                if endpoint.network_id == network_id:
                    yield attachment, endpoint

    def free(self, endpoint: Endpoint) -> None:
        for text, allocators in ((endpoint.ip, self.allocators), (endpoint.ip6, self.allocators6)):
            if text and endpoint.network_id in allocators:
                allocators[endpoint.network_id].free(ip_address(text))

    def joined(self, attachment: Attachment) -> bool:
        """Whether others share its namespace, which then outlives it."""
        path = attachment.sandbox.netns_path
        return any(
            other.joined and other.sandbox.netns_path == path and other is not attachment
            for other in self.attachments.values()
        )

    def firewall_plan(self) -> FirewallPlan:
        bridges = tuple(
            bridge_rules(network)
            for network in self.networks.values()
            if network.driver == "bridge" and not network.config_only and not lacks_subnet(network)
        )
        forwards = frozenset(f for a in self.attachments.values() for f in a.forwards)
        return FirewallPlan(bridges, forwards, self.closed_links)


def bridge_rules(network: NetworkRecord) -> BridgeRules:
    return BridgeRules(
        bridge=network.bridge,
        subnet=IPv4Network(network.subnet) if network.subnet else None,
        subnet6=IPv6Network(network.subnet6) if network.subnet6 else None,
        masquerade=network.masquerade,
        mode=network.gateway_mode,
        mode6=network.gateway_mode6,
        internal=network.internal,
        icc=network.icc,
    )


def _allocator(room: Room) -> AddressAllocator:
    reserved = [ip_address(each) for each in (room.gateway, *room.auxiliary.values()) if each]
    return AddressAllocator(
        ip_network(room.subnet),
        reserved=reserved,
        ip_range=ip_network(room.ip_range, strict=False) if room.ip_range else None,
    )
