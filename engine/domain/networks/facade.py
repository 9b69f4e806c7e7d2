"""All that routes and other rooms may import of the networks room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from engine.domain.networks import views
from engine.domain.networks.bindings import PortRequest, parse_ports
from engine.domain.networks.book import Book
from engine.domain.networks.hostports import HostPorts
from engine.domain.networks.messages import (
    Message,
    Prepare,
    Publish,
    Release,
    Repair,
    Restore,
    Unpublish,
)
from engine.domain.networks.ports import Drift, Firewall, Links, Store
from engine.domain.networks.records import (
    Endpoint,
    EndpointPlan,
    EndpointWish,
    NetworkRecord,
    PublishedPort,
    Sandbox,
    SavedEndpoint,
)
from engine.domain.networks.service import Announce, NetworksService, held_ports
from engine.domain.networks.settings import NetworkSettings
from engine.domain.networks.views import Filters, port_map
from engine.errors import Forbidden
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
        host_ports: HostPorts | None = None,
        announce: Announce | None = None,
    ) -> None:
        self.settings = settings
        self.mailbox: Mailbox[Message] = Mailbox("networks", capacity=1024)
        self._book = Book()
        self._links = links
        self._firewall = firewall
        self._store = store
        self._host_ports = host_ports or held_ports()
        self._announce = announce

    def service(self) -> NetworksService:
        return NetworksService(
            self.settings,
            self._book,
            self.mailbox,
            links=self._links,
            firewall=self._firewall,
            store=self._store,
            host_ports=self._host_ports,
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
        await self.mailbox.ask(Release(container_id))

    async def repair_firewall(self) -> Drift:
        """What differed from what is wanted; it is right afterwards."""
        return await self.mailbox.ask(Repair())

    def rename(self, container_id: str, name: str) -> None:
        """A container's new name in the views."""
        if attachment := self._book.attachments.get(container_id):
            attachment.name = name

    def find(self, term: str) -> NetworkRecord:
        """By ID, name or unambiguous ID prefix. Raises NotFound, InvalidParameter."""
        return self._book.find(term)

    def published(self, container_id: str) -> list[PublishedPort]:
        attachment = self._book.attachments.get(container_id)
        return list(attachment.published) if attachment else []

    def list(self, filters: Filters | None = None) -> list[dict[str, Any]]:
        """`GET /networks`. Raises InvalidParameter for a filter that dockerd doesn't know."""
        return [views.summary(record) for record in views.matching(self._book, filters or {})]

    def inspect(self, term: str) -> dict[str, Any]:
        """`GET /networks/{id}`, with the containers attached."""
        return views.inspect_view(self._book.find(term), self._book)

    def refuse_removal(self, term: str) -> None:
        """Raises NotFound, or Forbidden for a predefined network."""
        record = self._book.find(term)
        if record.predefined:
            raise Forbidden(f"{record.name} is a pre-defined network and cannot be removed")

    async def firewall(self) -> dict[str, Any]:
        """What the firewall must hold and how it differs: the operators' view."""
        plan = self._book.firewall_plan()
        drift = await self._firewall.drift(plan) if self.settings.iptables else Drift()
        return views.firewall_view(plan, drift, enabled=self.settings.iptables)


__all__ = [
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
    "parse_ports",
    "port_map",
]
