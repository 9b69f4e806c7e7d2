"""A container's place in the network: its namespace, its endpoints, its published ports."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from engine.domain.containers.oci.plan import HOST
from engine.domain.containers.records import Container
from engine.domain.networks.facade import (
    Endpoint,
    EndpointPlan,
    EndpointWish,
    Networks,
    PublishedPort,
    Sandbox,
    SavedEndpoint,
    parse_ports,
)
from engine.errors import Conflict, NotFound


class Place(msgspec.Struct, frozen=True):
    """`namespace` is a path, or HOST; `host_gateway` is what --add-host's host-gateway stands for."""

    sandbox: Sandbox
    namespace: str
    host_gateway: str = ""


class Sandboxes:
    """Asks the networks room in this room's terms. Every call may be repeated."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks

    async def restore(self, containers: Iterable[Container]) -> None:
        """Hand over, once, what the records say of the networks; everything else of ours is removed there."""
        saved = [found for each in containers if (found := saved_endpoint(each)) is not None]
        await self._networks.restore(saved)

    async def prepare(self, container: Container) -> Place:
        plan = EndpointPlan(
            container_name=container.name,
            mode=container.host.network_mode,
            mac=container.config.mac_address,
            wishes={name: _wish(name, container) for name in container.endpoints},
        )
        try:
            sandbox = await self._networks.prepare(container.id, plan)
        except Conflict:
            # An earlier try was interrupted after this step.
            await self._networks.release(container.id)
            sandbox = await self._networks.prepare(container.id, plan)
        return Place(sandbox, sandbox.netns_path or HOST, self._gateway())

    def place_of(self, container: Container) -> Place | None:
        """Of a container that runs."""
        sandbox = container.network.sandbox
        return Place(sandbox, sandbox.netns_path or HOST, self._gateway()) if sandbox else None

    def _gateway(self) -> str:
        bridges = self._networks.list({"name": ["^bridge$"]})
        config = bridges[0]["IPAM"]["Config"] if bridges else []
        return str(config[0].get("Gateway", "")) if config else ""

    async def publish(self, container: Container) -> list[PublishedPort]:
        host = container.host
        if host.network_mode == "host" or not (host.port_bindings or host.publish_all_ports):
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

    def rename(self, container: Container) -> None:
        """Let the networks show the name that the record has now."""
        self._networks.rename(container.id, container.name)

    async def release(self, container: Container) -> None:
        await self._networks.release(container.id)


def _wish(name: str, container: Container) -> EndpointWish:
    asked = container.endpoints[name]
    ipam = asked.ipam_config
    return EndpointWish(
        ip=ipam.ipv4_address if ipam else "", mac=asked.mac_address, aliases=asked.aliases or []
    )


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
