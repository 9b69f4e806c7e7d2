"""Fakes of the networks room's ports: a host that exists in memory."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address

import trio

from engine.domain.networks.bindings import PortRequest
from engine.domain.networks.drivers import Interface, IpamNeeds, Joined, Pool, PoolWish
from engine.domain.networks.hostports import Hold
from engine.domain.networks.ports import (
    BridgeSpec,
    Change,
    Drift,
    FirewallPlan,
    HostView,
    LinkPlan,
    PortForward,
    VethPlan,
)
from engine.domain.networks.records import Due, Endpoint, NetworkRecord
from engine.errors import NotFound
from engine.models.resolver import Scope


@dataclass
class FakeLinks:
    routes: tuple[IPv4Network, ...] = ()
    bridge_address: IPv4Interface | None = None
    bridge_alias: str | None = None
    bridge_ports: int = 0
    closed: tuple[str, ...] = ("eth0",)
    bridges: list[BridgeSpec] = field(default_factory=list)
    spaces: dict[str, list[VethPlan]] = field(default_factory=dict)
    parents: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    gateways: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    adopted: dict[tuple[str, str], LinkPlan] = field(default_factory=dict)
    returned: list[str] = field(default_factory=list)
    forwards6: bool = False
    forgotten: list[PortForward] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    failure: Exception | None = None

    async def survey(self, bridge: str) -> HostView:
        await trio.lowlevel.checkpoint()
        return HostView(
            routes=self.routes,
            bridge_address=self.bridge_address,
            bridge_alias=self.bridge_alias,
            bridge_ports=self.bridge_ports,
            uplink_mtu=1460,
        )

    async def ensure_bridge(self, spec: BridgeSpec) -> None:
        await trio.lowlevel.checkpoint()
        self.bridges.append(spec)

    async def ensure_parent(self, name: str, alias: str) -> None:
        await trio.lowlevel.checkpoint()
        self.parents.append(name)

    async def remove_link(self, name: str, alias: str) -> None:
        await trio.lowlevel.checkpoint()
        self.removed.append(name)

    async def enable_forwarding6(self) -> None:
        await trio.lowlevel.checkpoint()
        self.forwards6 = True

    async def enable_forwarding(self) -> tuple[str, ...]:
        await trio.lowlevel.checkpoint()
        return self.closed

    def namespace_path(self, sandbox_id: str) -> str:
        return f"/netns/{sandbox_id[:12]}"

    async def create_namespace(self, path: str, veths: Sequence[VethPlan]) -> None:
        await trio.sleep(0.003)
        if self.failure is not None:
            raise self.failure
        self.spaces[path] = list(veths)

    async def attach(self, path: str, veth: VethPlan) -> None:
        await trio.lowlevel.checkpoint()
        if self.failure is not None:
            raise self.failure
        self.spaces[path].append(veth)

    async def detach(self, path: str, veth: VethPlan) -> None:
        await trio.lowlevel.checkpoint()
        self.spaces[path] = [each for each in self.spaces.get(path, []) if each.name != veth.name]

    async def adopt(self, path: str, plan: LinkPlan) -> str:
        await trio.lowlevel.checkpoint()
        if self.failure is not None:
            raise self.failure
        self.adopted[path, plan.name] = plan
        return plan.mac or "02:00:00:00:00:07"

    async def give_back(self, path: str, name: str, source: str) -> None:
        await trio.lowlevel.checkpoint()
        self.adopted.pop((path, name), None)
        self.returned.append(source)

    async def set_gateways(
        self, path: str, interface: str, gateway: IPv4Address | None, gateway6: IPv6Address | None
    ) -> None:
        await trio.lowlevel.checkpoint()
        self.gateways[path] = (interface, str(gateway or ""), str(gateway6 or ""))

    async def remove_namespace(self, path: str) -> None:
        await trio.lowlevel.checkpoint()
        self.spaces.pop(path, None)

    async def sweep_namespaces(self, keep: Collection[str]) -> frozenset[str]:
        await trio.lowlevel.checkpoint()
        self.spaces = {path: veths for path, veths in self.spaces.items() if path in keep}
        return frozenset(self.spaces)

    async def sweep(self, alias_prefix: str, keep: Collection[str]) -> tuple[str, ...]:
        await trio.lowlevel.checkpoint()
        gone = tuple(name for name in self.stale if name not in keep)
        self.stale = [name for name in self.stale if name in keep]
        return gone

    async def forget_flows(self, forwards: Iterable[PortForward]) -> None:
        await trio.lowlevel.checkpoint()
        self.forgotten.extend(forward for forward in forwards if forward.proto == "udp")


class FakeFirewall:
    """Holds what was loaded; `flush` is what an operator does to it."""

    def __init__(self) -> None:
        self.loaded: FirewallPlan | None = None
        self.loads = 0
        self.failure: Exception | None = None
        self._send, self._receive = trio.open_memory_channel[None](10)

    def flush(self) -> None:
        self.loaded = None
        self._send.send_nowait(None)

    async def load(self, plan: FirewallPlan) -> bool:
        await trio.lowlevel.checkpoint()
        changed = self.loaded != plan
        self.loads += changed
        self.loaded = plan
        return changed

    async def change(self, plan: FirewallPlan, change: Change) -> None:
        await trio.lowlevel.checkpoint()
        if self.failure is not None:
            raise self.failure
        self.loaded = plan

    async def drift(self, plan: FirewallPlan) -> Drift:
        await trio.lowlevel.checkpoint()
        if self.loaded is None:
            return Drift(base="the table is gone", missing=plan.forwards)
        return Drift() if self.loaded == plan else Drift(missing=plan.forwards)

    async def remove(self) -> None:
        await trio.lowlevel.checkpoint()
        self.loaded = None

    async def changes(self) -> AsyncIterator[None]:
        async for item in self._receive:
            yield item


@dataclass
class FakeStore:
    records: dict[str, NetworkRecord] = field(default_factory=dict)
    noted: dict[str, Due] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    failure: Exception | None = None

    async def load(self) -> list[NetworkRecord]:
        await trio.lowlevel.checkpoint()
        return list(self.records.values())

    async def save(self, record: NetworkRecord, action: str = "") -> None:
        await trio.lowlevel.checkpoint()
        if self.failure is not None:
            raise self.failure
        self.records[record.id] = record
        if action:
            self.events.append(f"{action} {record.name}")

    async def delete(self, record: NetworkRecord) -> None:
        await trio.lowlevel.checkpoint()
        self.records.pop(record.id, None)
        self.events.append(f"destroy {record.name}")

    async def pruned(self) -> None:
        await trio.lowlevel.checkpoint()
        self.events.append("prune")

    async def dues(self) -> list[Due]:
        await trio.lowlevel.checkpoint()
        return list(self.noted.values())

    async def note(self, due: Due) -> None:
        await trio.lowlevel.checkpoint()
        self.noted[due.id] = due

    async def settled(self, due_id: str) -> None:
        await trio.lowlevel.checkpoint()
        self.noted.pop(due_id, None)


@dataclass
class FakeDrivers:
    """Plugins that make interfaces. `missing` ones are not there; `failures` say which call fails how."""

    missing: set[str] = field(default_factory=lambda: {"weave"})
    failures: dict[str, Exception] = field(default_factory=dict)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    networks: set[str] = field(default_factory=set)
    endpoints: set[str] = field(default_factory=set)
    chosen: Interface = field(default_factory=Interface)
    joined: Joined = field(
        default_factory=lambda: Joined(source="plug0", prefix="eth", gateway="10.9.0.1")
    )
    told_mac: str = ""

    async def _step(self, call: str, driver: str, *about: str) -> None:
        await trio.lowlevel.checkpoint()
        if driver in self.missing:
            raise NotFound(f'plugin "{driver}" not found')
        self.calls.append((call, *about))
        if call in self.failures:
            raise self.failures[call]

    async def scope(self, driver: str) -> str:
        await self._step("scope", driver)
        return "local"

    async def create_network(self, network: NetworkRecord) -> None:
        await self._step("create_network", network.driver, network.name)
        self.networks.add(network.id)

    async def delete_network(self, driver: str, network_id: str) -> None:
        await self._step("delete_network", driver)
        self.networks.discard(network_id)

    async def create_endpoint(
        self, network: NetworkRecord, endpoint: Endpoint, options: Mapping[str, object]
    ) -> Interface:
        await self._step("create_endpoint", network.driver, endpoint.ip)
        self.endpoints.add(endpoint.endpoint_id)
        return self.chosen

    async def delete_endpoint(self, driver: str, network_id: str, endpoint_id: str) -> None:
        await self._step("delete_endpoint", driver)
        self.endpoints.discard(endpoint_id)

    async def join(
        self, driver: str, endpoint: Endpoint, sandbox: str, options: Mapping[str, object]
    ) -> Joined:
        await self._step("join", driver, sandbox)
        return self.joined

    async def mac(self, driver: str, endpoint: Endpoint) -> str:
        await self._step("mac", driver)
        return self.told_mac

    async def leave(self, driver: str, network_id: str, endpoint_id: str) -> None:
        await self._step("leave", driver)

    async def program(
        self, driver: str, endpoint: Endpoint, exposed: Sequence[str], ports: Sequence[PortRequest]
    ) -> None:
        await self._step("program", driver, *(str(each.port) for each in ports))

    async def revoke(self, driver: str, network_id: str, endpoint_id: str) -> None:
        await self._step("revoke", driver)

    def active(self) -> list[str]:
        return ["plug"]


@dataclass
class FakeIpams:
    """Plugins that give addresses of 10.9.0.0/24; what they gave is in `given`."""

    missing: set[str] = field(default_factory=lambda: {"dhcp"})
    failures: dict[str, Exception] = field(default_factory=dict)
    wanted: IpamNeeds = field(default_factory=IpamNeeds)
    pools: set[str] = field(default_factory=set)
    given: list[str] = field(default_factory=list)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    subnet: str = "10.9.0.0/24"

    async def _step(self, call: str, driver: str, *about: str) -> None:
        await trio.lowlevel.checkpoint()
        if driver in self.missing:
            raise NotFound(f'plugin "{driver}" not found')
        self.calls.append((call, *about))
        if call in self.failures:
            raise self.failures[call]

    async def space(self, driver: str, scope: str) -> str:
        await self._step("space", driver, scope)
        return f"{scope}-space"

    async def needs(self, driver: str) -> IpamNeeds:
        await self._step("needs", driver)
        return self.wanted

    async def request_pool(self, driver: str, wish: PoolWish) -> Pool:
        await self._step("request_pool", driver, wish.subnet)
        self.pools.add("pool-1")
        return Pool(id="pool-1", subnet=wish.subnet or self.subnet)

    async def release_pool(self, driver: str, pool: str) -> None:
        await self._step("release_pool", driver, pool)
        self.pools.discard(pool)

    async def request_address(
        self, driver: str, pool: str, address: str, options: Mapping[str, str]
    ) -> str:
        await self._step("request_address", driver, address, *options.values())
        number = 1
        while not address or address in self.given:
            address, number = f"10.9.0.{number}", number + 1
        self.given.append(address)
        return f"{address}/24"

    async def release_address(self, driver: str, pool: str, address: str) -> None:
        await self._step("release_address", driver, address)
        self.given.remove(address)


@dataclass
class FakeResolver:
    scopes: dict[str, Scope] = field(default_factory=dict)

    async def put(self, scope: Scope) -> None:
        await trio.lowlevel.checkpoint()
        self.scopes[scope.id] = scope

    async def drop(self, scope_id: str) -> None:
        await trio.lowlevel.checkpoint()
        self.scopes.pop(scope_id, None)

    async def retain(self, scopes: Sequence[Scope]) -> None:
        await trio.lowlevel.checkpoint()
        self.scopes = {scope.id: scope for scope in scopes}


class FakeHold:
    def __init__(self, host: FakeHost, key: tuple[str, str, int]) -> None:
        self._host, self._key = host, key

    def close(self) -> None:
        self._host.bound.discard(self._key)


class FakeHost:
    """The host's sockets, as far as binding goes."""

    def __init__(self, *, ipv6: bool = True, addresses: Collection[str] = ("127.0.0.1",)) -> None:
        self.bound: set[tuple[str, str, int]] = set()
        self.others: set[tuple[str, int]] = set()
        self._ipv6 = ipv6
        self._addresses = {*addresses, "0.0.0.0", "::"}

    def bind(self, proto: str, host_ip: str, port: int) -> Hold:
        if ":" in host_ip and not self._ipv6:
            raise OSError(errno.EAFNOSUPPORT, "no IPv6")
        if host_ip not in self._addresses:
            raise OSError(errno.EADDRNOTAVAIL, "not here")
        if (proto, port) in self.others:
            raise OSError(errno.EADDRINUSE, "in use")
        self.bound.add((proto, host_ip, port))
        return FakeHold(self, (proto, host_ip, port))
