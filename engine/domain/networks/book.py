"""The room's memory: networks, who is attached, which addresses and ports are taken.

Nothing here awaits, so every change is atomic; readers see it whole. It outlives the service's
incarnations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from engine.domain.networks.addresses import AddressAllocator
from engine.domain.networks.ports import BridgeRules, FirewallPlan, PortForward
from engine.domain.networks.records import Endpoint, NetworkRecord, PublishedPort, Sandbox
from engine.errors import InvalidParameter, NotFound


@dataclass(slots=True)
class Attachment:
    """A container's place in the networks. `joined` shares another container's namespace."""

    container_id: str
    name: str
    sandbox: Sandbox
    joined: bool = False
    published: list[PublishedPort] = field(default_factory=list)
    forwards: frozenset[PortForward] = frozenset()


@dataclass(slots=True)
class Book:
    networks: dict[str, NetworkRecord] = field(default_factory=dict)
    attachments: dict[str, Attachment] = field(default_factory=dict)
    allocators: dict[str, AddressAllocator] = field(default_factory=dict)
    closed_links: tuple[str, ...] = ()
    restored: bool = False

    def put(self, record: NetworkRecord) -> None:
        """Add or replace a network. Addresses in use stay so while its subnet stays."""
        before = self.networks.get(record.id)
        self.networks[record.id] = record
        if not record.subnet or (before and before.subnet == record.subnet):
            return
        self.allocators[record.id] = AddressAllocator(
            IPv4Network(record.subnet),
            reserved=[IPv4Address(record.gateway)],
            ip_range=IPv4Network(record.ip_range) if record.ip_range else None,
        )

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
                raise InvalidParameter(f"network {term} is ambiguous ({len(matches)} matches)")
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
        if endpoint.ip:
            self.allocators[endpoint.network_id].free(IPv4Address(endpoint.ip))

    def firewall_plan(self) -> FirewallPlan:
        bridges = tuple(
            BridgeRules(
                bridge=network.bridge,
                subnet=IPv4Network(network.subnet),
                masquerade=network.masquerade,
                internal=network.internal,
                icc=network.icc,
            )
            for network in self.networks.values()
            if network.driver == "bridge"
        )
        forwards = frozenset(f for a in self.attachments.values() for f in a.forwards)
        return FirewallPlan(bridges, forwards, self.closed_links)
