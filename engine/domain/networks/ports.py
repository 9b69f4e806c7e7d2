"""What the networks room needs from outside: links, namespaces, a firewall, a store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import Protocol

import msgspec

from engine.domain.networks.records import NAT, Due, NetworkRecord
from engine.models.resolver import Scope


class BridgeSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A bridge as it should be. The addresses are the gateways with their prefixes."""

    name: str
    address: IPv4Interface | None
    mac: str
    mtu: int
    alias: str
    address6: IPv6Interface | None = None
    local_route: bool = True  # route_localnet: lets 127.0.0.1 reach published ports


class VethPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One interface of a container: a veth pair, one end on a bridge, the other in the namespace.

    macvlan and ipvlan have no end outside: there `bridge` is the parent. A gateway is given to
    the one interface that has the default route.
    """

    host_name: str
    name: str
    bridge: str
    mac: str
    address: IPv4Interface | None
    gateway: IPv4Address | None
    mtu: int
    alias: str
    isolated: bool = False  # icc=false: no frame to another isolated port of the bridge
    address6: IPv6Interface | None = None
    gateway6: IPv6Address | None = None
    kind: str = "veth"
    mode: str = ""
    local: tuple[IPv4Interface | IPv6Interface, ...] = ()  # link-local addresses besides
    sysctls: tuple[tuple[str, str], ...] = ()  # paths below /proc/sys, and values


class LinkPlan(msgspec.Struct, frozen=True, kw_only=True):
    """An interface that a plugin made on the host, and what becomes of it in a container's namespace.

    `routes` are destinations with the next hop, "" for what is on the link itself. No `mac` leaves it its own.
    """

    source: str
    name: str
    mac: str = ""
    addresses: tuple[IPv4Interface | IPv6Interface, ...] = ()
    routes: tuple[tuple[str, str], ...] = ()
    sysctls: tuple[tuple[str, str], ...] = ()


class HostView(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of the host that the room decides on, when it chooses a subnet."""

    routes: tuple[IPv4Network | IPv6Network, ...]
    bridge_address: IPv4Interface | None  # what the wanted bridge carries already
    bridge_alias: str | None  # None: there is no such link
    bridge_ports: int
    uplink_mtu: int


class BridgeRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the firewall must know of one bridge network. The modes are the records'."""

    bridge: str
    subnet: IPv4Network | None
    subnet6: IPv6Network | None = None
    masquerade: bool = True
    internal: bool = False
    icc: bool = True
    mode: str = NAT
    mode6: str = NAT


class PortForward(msgspec.Struct, frozen=True):
    """One published port. `host_ip` None is every address of the host in the container's family;
    `near` then leaves out clients without a private address. `host_port` 0 diverts nothing: the
    container's own port is open (routed networks)."""

    proto: str
    host_ip: IPv4Address | IPv6Address | None
    host_port: int
    container_ip: IPv4Address | IPv6Address
    container_port: int
    near: bool = False

    @property
    def routed(self) -> bool:
        return not self.host_port


class FirewallPlan(msgspec.Struct, frozen=True):
    """All that our table must say.

    `closed_links` are the host's links between which nothing is forwarded, because it was we
    who switched forwarding on.
    """

    bridges: tuple[BridgeRules, ...] = ()
    forwards: frozenset[PortForward] = frozenset()
    closed_links: tuple[str, ...] = ()


class Change(msgspec.Struct, frozen=True):
    """What comes and goes in one transaction."""

    add: tuple[PortForward, ...] = ()
    remove: tuple[PortForward, ...] = ()
    new_bridges: tuple[BridgeRules, ...] = ()
    old_bridges: tuple[BridgeRules, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.add or self.remove or self.new_bridges or self.old_bridges)


class Drift(msgspec.Struct, frozen=True):
    """How what is loaded differs from what is wanted; empty when it doesn't."""

    base: str = ""  # why the base rules must be loaded anew
    missing: frozenset[PortForward] = frozenset()
    surplus: frozenset[PortForward] = frozenset()
    foreign: tuple[str, ...] = ()
    """foreign chains that lack our exemption, or keep it"""

    def __bool__(self) -> bool:
        return bool(self.base or self.missing or self.surplus or self.foreign)


class Links(Protocol):
    """Bridges, veth pairs and network namespaces. Every call ends by its own deadline."""

    async def survey(self, bridge: str) -> HostView: ...

    async def ensure_bridge(self, spec: BridgeSpec) -> None: ...

    async def ensure_parent(self, name: str, alias: str) -> None:
        """The host's interface that macvlan and ipvlan build on: made if it is a VLAN of one,
        or a dummy of ours."""
        ...

    async def remove_link(self, name: str, alias: str) -> None:
        """Remove a bridge or parent if it carries the alias."""
        ...

    async def enable_forwarding(self) -> tuple[str, ...]:
        """Switch IPv4 forwarding on. The host's links between which nothing must be forwarded:
        those that were there when it was we who did it, remembered until the next boot."""
        ...

    async def enable_forwarding6(self) -> None:
        """Switch IPv6 forwarding on; uplinks that live by router advertisements go on to."""
        ...

    def namespace_path(self, sandbox_id: str) -> str:
        """Where the namespace of a sandbox is bound."""
        ...

    async def create_namespace(self, path: str, veths: Sequence[VethPlan]) -> None: ...

    async def attach(self, path: str, veth: VethPlan) -> None: ...

    async def detach(self, path: str, veth: VethPlan) -> None:
        """Remove an interface; one that is gone already is no error."""
        ...

    async def adopt(self, path: str, plan: LinkPlan) -> str:
        """Take an interface of the host into a namespace; its MAC address."""
        ...

    async def give_back(self, path: str, name: str, source: str) -> None:
        """Put it back on the host, under its former name. One that is gone already is no error."""
        ...

    async def set_gateways(
        self, path: str, interface: str, gateway: IPv4Address | None, gateway6: IPv6Address | None
    ) -> None:
        """The namespace's default routes, in place of those that it has."""
        ...

    async def remove_namespace(self, path: str) -> None: ...

    async def sweep_namespaces(self, keep: Collection[str]) -> frozenset[str]:
        """Let go of all namespaces but those; which of those are really there."""
        ...

    async def sweep(self, alias_prefix: str, keep: Collection[str]) -> tuple[str, ...]:
        """Delete the links whose alias starts so and whose name isn't kept; their names."""
        ...

    async def forget_flows(self, forwards: Iterable[PortForward]) -> None:
        """Delete conntrack entries of UDP forwards, which would bypass a changed map."""
        ...


class Firewall(Protocol):
    """The rules of this engine, in transactions."""

    async def load(self, plan: FirewallPlan) -> bool:
        """Make what is loaded equal to the plan; True when something had to change."""
        ...

    async def change(self, plan: FirewallPlan, change: Change) -> None:
        """One transaction; `plan` is what is wanted after it."""
        ...

    async def drift(self, plan: FirewallPlan) -> Drift: ...

    async def remove(self) -> None: ...

    def changes(self) -> AsyncIterator[None]:
        """One item each time that anybody changed the ruleset of this network namespace."""
        ...


class Store(Protocol):
    """Durable network records."""

    async def load(self) -> list[NetworkRecord]: ...

    async def save(self, record: NetworkRecord, action: str = "") -> None:
        """Durable, with the event `action` if there is one."""
        ...

    async def delete(self, record: NetworkRecord) -> None:
        """Durable, with the event `destroy`."""
        ...

    async def pruned(self) -> None:
        """The event of a prune that is over."""
        ...

    async def dues(self) -> list[Due]: ...

    async def note(self, due: Due) -> None:
        """Survives a kill; replaces what was noted under its ID."""
        ...

    async def settled(self, due_id: str) -> None: ...


class Resolver(Protocol):
    """Answers names inside containers. What it is told holds for its next incarnations too."""

    async def put(self, scope: Scope) -> None:
        """Listens in the container's namespace when this returns, or cannot and has said so in the log."""
        ...

    async def drop(self, scope_id: str) -> None: ...

    async def retain(self, scopes: Sequence[Scope]) -> None:
        """These and no others: the state at a start."""
        ...
