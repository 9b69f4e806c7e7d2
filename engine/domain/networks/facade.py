"""All that routes and other rooms may import of the networks room."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Sequence
from typing import Any

from engine.domain.networks import names, views
from engine.domain.networks.bindings import PortRequest, parse_exposed, parse_ports
from engine.domain.networks.book import Book
from engine.domain.networks.drivers import IpamDrivers, NetworkDrivers
from engine.domain.networks.endpoints import gateway_endpoint
from engine.domain.networks.filters import Filters, matching
from engine.domain.networks.hostports import HostPorts
from engine.domain.networks.messages import (
    Begin,
    Connect,
    Create,
    Disconnect,
    Message,
    Prepare,
    Prune,
    Publish,
    Release,
    Remove,
    Rename,
    Repair,
    Restore,
    Unpublish,
)
from engine.domain.networks.names import dns_names
from engine.domain.networks.plugged import Plugged
from engine.domain.networks.pools import DEFAULT_POOLS, allocate, local_pool, parse_pool
from engine.domain.networks.ports import Drift, Firewall, Links, Resolver, Store
from engine.domain.networks.records import (
    Endpoint,
    EndpointPlan,
    EndpointWish,
    NetworkRecord,
    PublishedPort,
    Sandbox,
    SavedEndpoint,
)
from engine.domain.networks.relays import Relays
from engine.domain.networks.requests import PREDEFINED
from engine.domain.networks.service import Announce, NetworksService, held_ports
from engine.domain.networks.settings import NetworkSettings
from engine.domain.networks.views import port_map
from engine.domain.system.tallies import NETWORK, Tallies
from engine.models.networks import NetworkCreateRequest
from supervisors import Mailbox


class Networks:
    """The networks of this engine. Reads answer at once, changes go through the mailbox.

    A change that was taken runs to its end though its asker leaves. `service` is the factory
    for the supervision tree; before anything can be prepared, `restore` must be asked once.
    """

    def __init__(
        self,
        settings: NetworkSettings,
        *,
        links: Links,
        firewall: Firewall,
        store: Store,
        resolver: Resolver,
        drivers: NetworkDrivers,
        ipams: IpamDrivers,
        host_ports: HostPorts | None = None,
        announce: Announce | None = None,
        tallies: Tallies | None = None,
    ) -> None:
        self.settings = settings
        self.mailbox: Mailbox[Message] = Mailbox("networks", capacity=1024)
        self._book = Book()
        self._links = links
        self._firewall = firewall
        self._store = store
        self._host_ports = host_ports or held_ports()
        self._resolver = resolver
        self._relays = Relays()
        self._drivers = drivers
        self._plugged = Plugged(self._book, links, store, drivers, ipams)
        self._announce = announce
        self.tallies = tallies or Tallies()

    def service(self) -> NetworksService:
        return NetworksService(
            self.settings,
            self._book,
            self.mailbox,
            links=self._links,
            firewall=self._firewall,
            store=self._store,
            host_ports=self._host_ports,
            resolver=self._resolver,
            relays=self._relays,
            plugged=self._plugged,
            announce=self._announce,
        )

    async def restore(self, saved: Iterable[SavedEndpoint]) -> frozenset[str]:
        """Take up the endpoints that outlived the daemon; all else of ours is removed.

        The containers whose namespace is gone: prepare them anew when they start.
        """
        return await self.mailbox.ask(Restore(tuple(saved)))

    async def prepare(self, container_id: str, plan: EndpointPlan) -> Sandbox:
        """A namespace with its interfaces, ready for the OCI spec (2 to 3 ms).

        NotFound for an unknown network, Conflict for a container that isn't running to join.
        """
        with self.tallies.timing(NETWORK, "allocate"):
            return await self.mailbox.ask(Prepare(container_id, plan))

    async def publish(self, container_id: str, ports: Sequence[PortRequest]) -> list[PublishedPort]:
        """Take host ports and divert them to the prepared container; all or none.

        SystemFailure with dockerd's text when a port is taken.
        """
        return await self.mailbox.ask(Publish(container_id, ports))

    async def unpublish(self, container_id: str) -> None:
        """Give the host's ports back. Without any, nothing happens."""
        await self.mailbox.ask(Unpublish(container_id))

    async def release(self, container_id: str) -> None:
        """Unpublish, and remove namespace and address. Idempotent."""
        with self.tallies.timing(NETWORK, "release"):
            await self.mailbox.ask(Release(container_id))

    async def repair_firewall(self) -> Drift:
        """What differed from what is wanted; it is right afterwards."""
        return await self.mailbox.ask(Repair())

    async def begin(self, container_id: str) -> bool:
        """The container is about to run: it is shown, and found by its names. False: prepare it
        (anew), its network went in between."""
        attachment = self._book.attachments.get(container_id)
        if attachment is None:
            return False
        attachment.started = True
        if names.scope(self._book, attachment) is not None:
            await self.mailbox.ask(Begin(container_id))
        return True

    async def connect(self, container_id: str, network: str, wish: EndpointWish) -> Sandbox:
        """One more network for a running container; its sandbox as it is then.

        Forbidden when it is there already, InvalidParameter on host, none or another's namespace.
        """
        with self.tallies.timing(NETWORK, "connect"):
            return await self.mailbox.ask(Connect(container_id, network, wish))

    async def disconnect(self, container_id: str, network_id: str) -> Sandbox:
        """NotFound when the container isn't there."""
        return await self.mailbox.ask(Disconnect(container_id, network_id))

    async def rename(self, container_id: str, name: str) -> None:
        """A container's new name in the views and for the resolver."""
        await self.mailbox.ask(Rename(container_id, name))

    async def create(self, request: NetworkCreateRequest) -> NetworkRecord:
        """Conflict for a name that is taken, Forbidden for an overlap, NotFound when the pools
        are exhausted, Unavailable for what needs a cluster."""
        return await self.mailbox.ask(Create(request))

    async def remove(self, term: str) -> None:
        """NotFound, or Forbidden while containers run on it and for a predefined network."""
        await self.mailbox.ask(Remove(term))

    async def prune(self, filters: Filters) -> builtins.list[str]:
        """The names of the removed; beside another prune, after it."""
        return await self.mailbox.ask(Prune(filters))

    def find(self, term: str) -> NetworkRecord:
        """By ID, name or unambiguous ID prefix. Raises NotFound, InvalidParameter."""
        return self._book.find(term)

    def drivers(self) -> Sequence[str]:
        """The names of those in use, ours first."""
        return ["bridge", "host", "null", *self._drivers.active()]

    def uses(self, plugin: str) -> bool:
        """Whether a network needs this plugin; a tag `latest` left out or not."""
        names = {plugin, plugin.removesuffix(":latest")}
        found = self._book.everything()
        return any(each.driver in names or each.ipam_driver in names for each in found)

    def programmed_outside(self, container_id: str) -> bool:
        """Whether a plugin makes its ports reachable: it is told also of a container that publishes none."""
        attachment = self._book.attachments.get(container_id)
        leader = gateway_endpoint(attachment.sandbox.endpoints) if attachment else None
        return bool(leader and leader.driver)

    def published(self, container_id: str) -> list[PublishedPort]:
        attachment = self._book.attachments.get(container_id)
        return list(attachment.published) if attachment else []

    def list(self, filters: Filters | None = None) -> list[dict[str, Any]]:
        """`GET /networks`. Raises InvalidParameter for a filter that dockerd doesn't know."""
        return [views.summary(record) for record in matching(self._book, filters or {})]

    def inspect(self, term: str) -> dict[str, Any]:
        """`GET /networks/{id}`, with the containers attached."""
        return views.inspect_view(self._book.find(term), self._book)

    async def firewall(self) -> dict[str, Any]:
        """What the firewall must hold and how it differs: the operators' view."""
        plan = self._book.firewall_plan()
        drift = await self._firewall.drift(plan) if self.settings.iptables else Drift()
        return views.firewall_view(plan, drift, enabled=self.settings.iptables)


__all__ = [
    "DEFAULT_POOLS",
    "PREDEFINED",
    "Drift",
    "Endpoint",
    "EndpointPlan",
    "EndpointWish",
    "Filters",
    "NetworkRecord",
    "NetworkSettings",
    "Networks",
    "PortRequest",
    "PublishedPort",
    "Sandbox",
    "SavedEndpoint",
    "allocate",
    "dns_names",
    "gateway_endpoint",
    "local_pool",
    "parse_pool",
    "parse_exposed",
    "parse_ports",
    "port_map",
]
