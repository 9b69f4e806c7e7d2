"""The room's records: networks (durable), endpoints and sandboxes (kept by the containers room)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import msgspec

SCHEMA = 1
Address = IPv4Address | IPv6Address
EXIT, EXIT6 = "DefaultGatewayIPv4", "DefaultGatewayIPv6"
"""Auxiliary addresses with a meaning, as dockerd calls them."""
NAT, ROUTED, ISOLATED, UNPROTECTED = "nat", "routed", "isolated", "nat-unprotected"
"""How a bridge network meets the outside: under the host's address; under its own, published ports
open; not even with the host; as the first, all ports open to who knows a route."""


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """One subnet of a network. `gateway` is "" until one is chosen."""

    subnet: str
    gateway: str = ""
    ip_range: str = ""
    auxiliary: dict[str, str] = {}

    @property
    def exit(self) -> str:
        """Where its containers send what is for outside: the gateway, or who was named for it."""
        return self.auxiliary.get(EXIT) or self.auxiliary.get(EXIT6) or self.gateway


class NetworkRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One network. The default bridge, `host` and `none` are records like any other."""

    id: str
    name: str
    driver: str  # "bridge", "macvlan", "ipvlan", "host", "null"
    created: str  # RFC 3339 with nanoseconds, as inspect shows it
    subnet: str = ""
    gateway: str = ""
    ip_range: str = ""
    auxiliary: dict[str, str] = {}  # names to addresses that are never given
    ipv4: bool = True
    ipv6: bool = False
    subnet6: str = ""
    gateway6: str = ""
    ip_range6: str = ""
    auxiliary6: dict[str, str] = {}
    implied: list[str] = []  # subnets that were asked for without a gateway: inspect shows none
    more: list[Room] = []  # macvlan, ipvlan: subnets of either family besides the first
    ipam_options: dict[str, str] | None = None
    bridge: str = ""
    parent: str = ""  # macvlan, ipvlan: the host's interface; "" is a network of this host alone
    mode: str = ""  # macvlan, ipvlan: as the kernel calls it
    prefix: str = "eth"  # of the interfaces in containers
    host_ip: str = ""  # where ports are published that name no address
    mtu: int = 0
    icc: bool = True
    masquerade: bool = True
    bare: bool = False  # the bridge has no IPv4 address of its own
    gateway_mode: str = NAT
    gateway_mode6: str = NAT
    internal: bool = False
    attachable: bool = False
    options: dict[str, str] = {}
    labels: dict[str, str] = {}
    predefined: bool = False
    config_only: bool = False
    config_from: str = ""
    schema: int = SCHEMA

    def rooms(self, version: int) -> list[Room]:
        """Its subnets of one family, in the order in which addresses are given."""
        first = (
            Room(
                subnet=self.subnet,
                gateway=self.gateway,
                ip_range=self.ip_range,
                auxiliary=self.auxiliary,
            )
            if version == 4
            else Room(
                subnet=self.subnet6,
                gateway=self.gateway6,
                ip_range=self.ip_range6,
                auxiliary=self.auxiliary6,
            )
        )
        rest = [each for each in self.more if ip_network(each.subnet).version == version]
        return [first, *rest] if first.subnet else []

    def room(self, address: Address) -> Room:
        """The subnet that an address of the network's is in."""
        rooms = self.rooms(address.version)
        return next(each for each in rooms if address in ip_network(each.subnet))

    @property
    def named(self) -> bool:
        """Whether its containers find each other by name: on all but the predefined ones."""
        return not self.predefined and not self.config_only


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A container's place in one network. Addresses are empty on `host` and `none`."""

    network_id: str
    network_name: str
    endpoint_id: str
    interface: str = ""
    host_interface: str = ""
    ip: str = ""
    prefix: int = 0
    gateway: str = ""
    mac: str = ""
    aliases: list[str] = []
    ip6: str = ""
    prefix6: int = 0
    gateway6: str = ""
    links: dict[str, str] = {}  # alias to container name, for this container alone
    priority: int = 0
    sysctls: list[str] = []  # of the interface, which IFNAME stands for
    local: list[str] = []  # link-local addresses besides

    @property
    def addressed(self) -> bool:
        return bool(self.ip or self.ip6)


class PublishedPort(msgspec.Struct, frozen=True, kw_only=True):
    """A port that the host forwards; `host_ip` is "0.0.0.0", "::" or one address of the host.

    `host_port` 0: on a routed network, the container's own port is open, and none of the host's.

    `near`: for clients with private addresses alone (`publish-policy: lan`).
    """

    container_port: int
    proto: str
    host_ip: str
    host_port: int
    near: bool = False


class Sandbox(msgspec.Struct, frozen=True, kw_only=True):
    """A prepared network namespace. `netns_path` None means the host's own.

    `hostname` is another name of the container, if its user chose one; `dns` the servers that
    its user or the daemon's configuration named; `exposed` the ports ("80/tcp") that it exposes.
    """

    id: str
    key: str  # SandboxKey of inspect
    netns_path: str | None
    endpoints: list[Endpoint]
    hostname: str = ""
    dns: list[str] = []
    exposed: list[str] = []


class SavedEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What the containers room remembers of one container's network over a restart."""

    container_id: str
    container_name: str
    sandbox: Sandbox
    ports: list[PublishedPort] = []
    running: bool = True


class EndpointWish(msgspec.Struct, frozen=True, kw_only=True):
    """What a create request asks of one network."""

    ip: str = ""
    mac: str = ""
    aliases: list[str] = []
    ip6: str = ""
    links: dict[str, str] = {}
    priority: int = 0
    options: dict[str, str] = {}
    local: list[str] = []


class EndpointPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a container asks of the network: its mode as `HostConfig.NetworkMode` says it.

    `wishes` are its networks, by name or ID, in the order of their interfaces; without any,
    the mode names the only one.
    """

    container_name: str
    mode: str = "default"
    mac: str = ""
    wishes: dict[str, EndpointWish] = {}
    hostname: str = ""
    dns: list[str] = []
    exposed: list[str] = []
