"""What happens once at start: the predefined networks stand, saved endpoints are taken up."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from ipaddress import IPv4Interface, IPv4Network, ip_address

from engine.domain.networks import predefined
from engine.domain.networks.book import Attachment, Book
from engine.domain.networks.ports import HostView, Links, Store
from engine.domain.networks.publishing import Publishing
from engine.domain.networks.records import NetworkRecord, SavedEndpoint
from engine.domain.networks.settings import NO_BRIDGE, NetworkSettings
from engine.errors import EngineError, NotFound

log = logging.getLogger(__name__)


class Startup:
    """Neither step touches what is right already: no packet is lost by a restart."""

    def __init__(
        self,
        settings: NetworkSettings,
        book: Book,
        links: Links,
        store: Store,
        publishing: Publishing,
    ) -> None:
        self._settings = settings
        self._book = book
        self._links = links
        self._store = store
        self._publishing = publishing

    async def set_up(self) -> None:
        """Load the networks, make the predefined ones and their bridges."""
        records = {record.name: record for record in await self._store.load()}
        for name in ("none", "host"):
            if name not in records:
                records[name] = predefined.plain(name)
                await self._store.save(records[name])
        bridge = records.pop("bridge", None)
        if self._settings.ip_forward and self._settings.bridge != NO_BRIDGE:
            self._book.closed_links = await self._links.enable_forwarding()
        if self._settings.bridge != NO_BRIDGE:
            records = {"bridge": await self._bridge_or_none(bridge, records.values()), **records}
        for record in records.values():
            self._book.put(record)
            if predefined.lacks_subnet(record):
                continue
            try:
                await self._ensure_link(record)
            except EngineError as error:
                if record.name == "bridge":
                    raise
                log.error("network %s: %s", record.name, error)

    async def restore(self, saved: Iterable[SavedEndpoint]) -> frozenset[str]:
        """Take up what the containers room remembers, and let go of everything else of ours.

        The containers whose namespace is gone (a reboot) are named and forgotten.
        """
        known = list(saved)
        kept = {s.sandbox.netns_path for s in known if s.sandbox.netns_path}
        live = await self._links.sweep_namespaces(kept)
        lost = {
            s.container_id
            for s in known
            if s.sandbox.netns_path is not None and s.sandbox.netns_path not in live
        }
        for endpoint in known:
            if endpoint.container_id not in lost:
                self._take_up(endpoint)
        if await self._publishing.load():
            log.info("the firewall was loaded anew")
        await self._sweep_links()
        self._book.restored = True
        return frozenset(lost)

    async def _bridge_or_none(
        self, stored: NetworkRecord | None, others: Iterable[NetworkRecord]
    ) -> NetworkRecord:
        """Where no subnet is left for it the daemon starts all the same, and whoever wants it is told."""
        try:
            return await self._default_bridge(stored, others)
        except NotFound as error:
            log.error("the default bridge has no subnet, its containers can't start: %s", error)
            return predefined.without_subnet(self._settings, stored)

    async def _default_bridge(
        self, stored: NetworkRecord | None, others: Iterable[NetworkRecord]
    ) -> NetworkRecord:
        host = await self._links.survey(self._settings.bridge)
        subnets = [IPv4Network(other.subnet) for other in others if other.subnet]
        if stored is not None and self._in_use(stored, host):
            if self._settings.bip not in (None, host.bridge_address):
                log.warning("there are running containers, --bip will not take effect")
            address = IPv4Interface(str(host.bridge_address))
        else:
            address = predefined.choose_address(self._settings, host, stored, subnets)
        mtu = self._settings.mtu or host.uplink_mtu
        record = predefined.default_bridge(self._settings, address, mtu, stored)
        if record != stored:
            await self._store.save(record)
        return record

    def _in_use(self, stored: NetworkRecord, host: HostView) -> bool:
        """Our bridge still carries containers of an earlier life: their subnet must stay."""
        carried = host.bridge_address
        return (
            carried is not None
            and host.bridge_alias == self._settings.alias
            and host.bridge_ports > 0
            and str(carried.network) == stored.subnet
        )

    async def _ensure_link(self, record: NetworkRecord) -> None:
        """One that can't be made leaves its own containers without network, and nobody else."""
        if record.config_only:
            return
        if record.driver == "bridge":
            if record.ipv6 and self._settings.ip_forward:
                await self._links.enable_forwarding6()
            await self._links.ensure_bridge(predefined.bridge_spec(record, self._settings.alias))
        elif record.parent:
            await self._links.ensure_parent(record.parent, self._settings.alias)

    def _take_up(self, saved: SavedEndpoint) -> None:
        joined = not saved.sandbox.id
        attachment = Attachment(
            saved.container_id, saved.container_name, saved.sandbox, joined, started=True
        )
        for endpoint in saved.sandbox.endpoints:
            for text, allocators in (
                (endpoint.ip, self._book.allocators),
                (endpoint.ip6, self._book.allocators6),
            ):
                if text and endpoint.network_id in allocators:
                    try:
                        allocators[endpoint.network_id].take(ip_address(text))
                    except EngineError as error:
                        log.warning("address of container %s: %s", saved.container_name, error)
        self._book.attachments[saved.container_id] = attachment
        self._publishing.adopt(attachment, saved.ports)

    async def _sweep_links(self) -> None:
        keep = {
            endpoint.host_interface
            for attachment in self._book.attachments.values()
            for endpoint in attachment.sandbox.endpoints
        }
        keep |= {network.bridge or network.parent for network in self._book.networks.values()}
        gone = await self._links.sweep(self._settings.alias, keep)
        if gone:
            log.info("deleted stale links: %s", ", ".join(gone))
