"""A container's place in the network: its namespace, its endpoints, its published ports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from engine.domain.containers.oci.plan import HOST
from engine.domain.containers.records import Container
from engine.domain.networks.facade import (
    Endpoint,
    EndpointPlan,
    EndpointWish,
    NetworkRecord,
    Networks,
    PublishedPort,
    Sandbox,
    SavedEndpoint,
    parse_exposed,
    parse_ports,
)
from engine.errors import Conflict, EngineError, NotFound
from engine.models.networks import EndpointSettings


class Place(msgspec.Struct, frozen=True):
    """`namespace` is a path, or HOST; `host_gateway` is what --add-host's host-gateway stands for.

    `resolver` says that the engine's own answers the container's names, at 127.0.0.11.
    """

    sandbox: Sandbox
    namespace: str
    host_gateway: str = ""
    resolver: bool = False


class Sandboxes:
    """Asks the networks room in this room's terms. Every call may be repeated.

    `dns` are the servers that the daemon's configuration gives to containers without their own; a
    reload replaces them.
    """

    def __init__(self, networks: Networks, *, dns: Sequence[str] = ()) -> None:
        self._networks = networks
        self.dns = dns

    async def restore(self, containers: Iterable[Container]) -> None:
        """Hand over, once, what the records say of the networks; everything else of ours is removed there."""
        saved = [found for each in containers if (found := saved_endpoint(each)) is not None]
        await self._networks.restore(saved)

    async def prepare(self, container: Container) -> Place:
        plan = EndpointPlan(
            container_name=container.name,
            mode=container.host.network_mode,
            mac=container.config.mac_address,
            wishes={name: wish(asked) for name, asked in container.endpoints.items()},
            hostname=chosen_hostname(container),
            dns=list(container.host.dns or self.dns),
            exposed=_exposed(container),
        )
        try:
            sandbox = await self._networks.prepare(container.id, plan)
        except Conflict:
            # An earlier try was interrupted after this step.
            await self._networks.release(container.id)
            sandbox = await self._networks.prepare(container.id, plan)
        return self.place(sandbox)

    def place(self, sandbox: Sandbox) -> Place:
        resolver = any(self._named(endpoint.network_id) for endpoint in sandbox.endpoints)
        return Place(sandbox, sandbox.netns_path or HOST, self._gateway(), resolver)

    def plugged(self, container: Container) -> bool:
        """Whether a plugin has a part in one of its networks: it is asked when the container starts."""
        for term in (container.host.network_mode, *container.endpoints):
            try:
                if self._networks.find(term).plugged:
                    return True
            except EngineError:
                continue
        return False

    def _named(self, network_id: str) -> bool:
        try:
            return self._networks.find(network_id).named
        except NotFound:
            return False

    async def begin(self, container: Container) -> bool:
        """False when what was prepared has gone with its network: prepare again."""
        return await self._networks.begin(container.id)

    def find(self, term: str) -> NetworkRecord:
        """Raises NotFound, InvalidParameter."""
        return self._networks.find(term)

    def canonical(self, name: str) -> str:
        """The name of the network that a request calls so; the start refuses what isn't there."""
        if name == "default":
            return "bridge"
        try:
            return self._networks.find(name).name
        except EngineError:
            return name

    async def connect(self, container: Container, network: str, asked: EndpointSettings) -> Sandbox:
        return await self._networks.connect(container.id, network, wish(asked))

    async def disconnect(self, container: Container, network_id: str) -> Sandbox:
        return await self._networks.disconnect(container.id, network_id)

    def place_of(self, container: Container) -> Place | None:
        """Of a container that runs."""
        sandbox = container.network.sandbox
        return self.place(sandbox) if sandbox else None

    def _gateway(self) -> str:
        bridges = self._networks.list({"name": ["^bridge$"]})
        config = bridges[0]["IPAM"]["Config"] if bridges else []
        return str(config[0].get("Gateway", "")) if config else ""

    async def publish(self, container: Container) -> list[PublishedPort]:
        host = container.host
        told = self._networks.programmed_outside(container.id)
        if host.network_mode == "host" or not (
            told or host.port_bindings or host.publish_all_ports
        ):
            return []
        wanted = parse_ports(
            container.config.exposed_ports,
            host.port_bindings or {},
            publish_all=host.publish_all_ports,
        )
        return await self._networks.publish(container.id, wanted)

    async def unpublish(self, container: Container) -> None:
        if container.host.port_bindings or container.host.publish_all_ports:
            await self._networks.unpublish(container.id)

    def driver(self, endpoint: Endpoint) -> str:
        """The network's driver as events name it; "" when the network has gone."""
        try:
            return self._networks.find(endpoint.network_id).driver
        except NotFound:
            return ""

    async def rename(self, container: Container) -> None:
        """Let the networks show the name that the record has now."""
        await self._networks.rename(container.id, container.name)

    async def release(self, container: Container) -> None:
        await self._networks.release(container.id)


def wish(asked: EndpointSettings) -> EndpointWish:
    ipam = asked.ipam_config
    return EndpointWish(
        ip=ipam.ipv4_address if ipam else "",
        ip6=ipam.ipv6_address if ipam else "",
        mac=asked.mac_address,
        aliases=asked.aliases or [],
        links=dict(_link(each) for each in asked.links or ()),
        priority=asked.gw_priority,
        options=asked.driver_opts or {},
        local=ipam.link_local_ips if ipam else [],
    )


def _exposed(container: Container) -> list[str]:
    """What it says that it serves, by `EXPOSE` or by publishing."""
    said = [*container.config.exposed_ports, *(container.host.port_bindings or {})]
    return [str(each) for each in parse_exposed(said)]


def _link(text: str) -> tuple[str, str]:
    """Alias and container of `CONTAINER[:ALIAS]`."""
    name, _, alias = text.partition(":")
    return alias or name, name


def chosen_hostname(container: Container) -> str:
    """The host name if its user chose one; without one it is the short ID."""
    hostname = container.config.hostname
    return "" if hostname == container.id[:12] else hostname


def saved_endpoint(container: Container) -> SavedEndpoint | None:
    """What the networks room takes up again after a restart of the daemon."""
    sandbox = container.network.sandbox
    if sandbox is None or not container.state.alive:
        return None
    return SavedEndpoint(
        container_id=container.id,
        container_name=container.name,
        sandbox=sandbox,
        ports=container.network.published,
    )
