"""The room's records: networks (durable), endpoints and sandboxes (kept by the containers room)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import msgspec

SCHEMA = 1
BUILTIN = ("bridge", "macvlan", "ipvlan", "host", "null")
"""Drivers of our own; every other name is a plugin's."""
OWN_IPAM, NO_IPAM = "default", "null"
"""Who gives the addresses: we, nobody (the network's plugin may), or else a plugin."""
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
    pool: str = ""  # what the plugin that gives its addresses calls it

    @property
    def exit(self) -> str:
        """Where its containers send what is for outside: the gateway, or who was named for it."""
        return self.auxiliary.get(EXIT) or self.auxiliary.get(EXIT6) or self.gateway


class NetworkRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One network. The default bridge, `host` and `none` are records like any other."""

    id: str
    name: str
    driver: str  # one of BUILTIN, or a plugin
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
    scope: str = "local"  # a plugin's own word
    ipam_driver: str = OWN_IPAM
    ipam_options: dict[str, str] | None = None
    space: str = ""  # the address space of the plugin that gives the addresses
    pool: str = ""
    pool6: str = ""
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
                pool=self.pool,
            )
            if version == 4
            else Room(
                subnet=self.subnet6,
                gateway=self.gateway6,
                ip_range=self.ip_range6,
                auxiliary=self.auxiliary6,
                pool=self.pool6,
            )
        )
        rest = [each for each in self.more if ip_network(each.subnet).version == version]
        return [first, *rest] if first.subnet else []

    def room(self, address: Address) -> Room:
        """The subnet that an address of the network's is in."""
        rooms = self.rooms(address.version)
        return next(each for each in rooms if address in ip_network(each.subnet))

    @property
    def remote(self) -> bool:
        """Whether a plugin makes its interfaces."""
        return self.driver not in BUILTIN and not self.config_only

    @property
    def leased(self) -> bool:
        """Whether a plugin gives its addresses."""
        return self.ipam_driver not in (OWN_IPAM, NO_IPAM) and not self.config_only

    @property
    def alone(self) -> bool:
        """Whether its subnets are nobody else's. macvlan and ipvlan are part of the outside: two of them may
        share what is there; what a plugin both makes and addresses is its own business."""
        bridge = self.driver == "bridge" and not self.config_only
        return bridge or (self.remote and not self.leased)

    @property
    def plugged(self) -> bool:
        return self.remote or self.leased

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
    driver: str = ""  # the plugin that made its interface
    source: str = ""  # what that one calls it, on the host

    @property
    def addressed(self) -> bool:
        """Whether it is a place of its own, also one whose plugin gave it no address."""
        return bool(self.ip or self.ip6 or self.driver)


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


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """What plugins must be told once an endpoint or a network is over: kept from before they are first
    asked until they were told. `addresses` are pairs of a pool and an address in it."""

    id: str  # the endpoint's or the network's
    network_id: str
    driver: str = ""
    joined: bool = False
    programmed: bool = False
    ipam: str = ""
    addresses: list[tuple[str, str]] = []
    pools: list[str] = []


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
