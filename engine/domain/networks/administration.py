"""Making and removing networks: name, subnet, link, firewall, record, in an order that can be undone."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from ipaddress import IPv6Network, ip_network

import msgspec
import trio

from engine.domain.networks import pools, predefined, requests
from engine.domain.networks.book import Book, bridge_rules
from engine.domain.networks.filters import prunable
from engine.domain.networks.plugged import Plugged
from engine.domain.networks.ports import Change, Links, Store
from engine.domain.networks.publishing import Publishing
from engine.domain.networks.records import ISOLATED, NO_IPAM, NetworkRecord
from engine.domain.networks.sandboxes import Sandboxes
from engine.domain.networks.settings import NetworkSettings
from engine.errors import Conflict, EngineError, Forbidden
from engine.models.networks import NetworkCreateRequest

UNDO_PATIENCE = 20.0


class Administration:
    """What users do with networks. A name is theirs before the first await."""

    def __init__(
        self,
        settings: NetworkSettings,
        book: Book,
        links: Links,
        store: Store,
        publishing: Publishing,
        sandboxes: Sandboxes,
        plugged: Plugged,
    ) -> None:
        self._settings = settings
        self._book = book
        self._links = links
        self._store = store
        self._publishing = publishing
        self._sandboxes = sandboxes
        self._plugged = plugged
        self._choosing = trio.Lock()
        self._pruning = trio.Lock()

    async def create(self, request: NetworkCreateRequest) -> NetworkRecord:
        source = request.config_from.network if request.config_from else ""
        if source:
            request = requests.configured(request, self._source(source))
        record = requests.draft(request, self._settings.default_options, self._settings.mtu)
        record = msgspec.structs.replace(record, config_from=source)
        if any(each.name == record.name for each in self._book.everything()):
            raise Conflict(f"network with name {record.name} already exists")
        self._check_link(record)
        self._book.coming[record.id] = record
        try:
            async with self._owed(await self._plugged.announce(record)) as record:
                if not record.config_only:
                    record = await self._addressed(record)
                async with self._undone(record):
                    await self._establish(record)
                    await self._store.save(record, "create")
        finally:
            self._book.coming.pop(record.id, None)
        return record

    def _source(self, name: str) -> NetworkRecord:
        found = self._book.find(name)
        if not found.config_only:
            raise Forbidden(f"{name} is not a configuration network")
        return found

    def _check_link(self, record: NetworkRecord) -> None:
        for other in self._book.everything():
            if record.bridge and other.bridge == record.bridge:
                raise Forbidden(
                    f"cannot create network {record.id} ({record.bridge}): conflicts with network "
                    f"{other.id} ({other.bridge}): networks have same bridge name"
                )
            if record.parent and (other.driver, other.parent) == (record.driver, record.parent):
                raise Forbidden(
                    f"network dm-{other.id[:12]} is already using parent interface {record.parent}"
                )

    async def _addressed(self, record: NetworkRecord) -> NetworkRecord:
        """With subnets and gateways; one network chooses at a time. A plugin may take long over it."""
        if record.leased:
            record = await self._plugged.leasing.pools(record)
        async with self._choosing:
            host = await self._links.survey(record.bridge or record.parent)
            # The subnets of our own networks are in the host's routes too.
            taken = [*host.routes, *self._book.subnets(record.id)]
            changes: dict[str, object] = {}
            if record.ipv4 and record.ipam_driver != NO_IPAM:
                changes |= self._family(record, taken, 4, record.subnet, record.gateway)
            if record.ipv6 and record.ipam_driver != NO_IPAM:
                changes |= self._family(record, taken, 6, record.subnet6, record.gateway6)
            record = msgspec.structs.replace(record, mtu=record.mtu or host.uplink_mtu, **changes)
            self._book.coming[record.id] = record
            return record

    def _family(
        self,
        record: NetworkRecord,
        taken: Sequence[pools.Subnet],
        version: int,
        asked: str,
        gateway: str,
    ) -> dict[str, object]:
        if asked:
            subnet = ip_network(asked)
            if record.alone and any(
                subnet.overlaps(other)
                for other in self._book.subnets(record.id)
                if other.version == version
            ):
                raise Forbidden(requests.OVERLAP)
        else:
            subnet = pools.allocate(self._settings.all_pools, taken, version)
        suffix = "6" if isinstance(subnet, IPv6Network) else ""
        mode = record.gateway_mode6 if suffix else record.gateway_mode
        if mode != ISOLATED:  # there nobody is the gateway
            gateway = gateway or str(pools.gateway_of(subnet).ip)
        return {f"subnet{suffix}": str(subnet), f"gateway{suffix}": gateway}

    @contextlib.asynccontextmanager
    async def _owed(self, record: NetworkRecord) -> AsyncIterator[NetworkRecord]:
        """If anything fails inside, its plugins have nothing of the network."""
        try:
            yield record
        except BaseException:
            if record.plugged:
                with trio.move_on_after(UNDO_PATIENCE, shield=True):
                    await self._plugged.dues.pay(record.id)
            raise

    @contextlib.asynccontextmanager
    async def _undone(self, record: NetworkRecord) -> AsyncIterator[None]:
        """If anything fails inside, nothing is left of the network."""
        try:
            yield
        except BaseException:
            self._book.forget(record)
            with trio.move_on_after(UNDO_PATIENCE, shield=True):
                await self._take_down(record)
            raise

    async def _establish(self, record: NetworkRecord) -> None:
        """The link and the firewall's part."""
        if record.driver == "bridge" and not record.config_only:
            if record.ipv6 and self._settings.ip_forward:
                await self._links.enable_forwarding6()
            await self._links.ensure_bridge(predefined.bridge_spec(record, self._settings.alias))
            self._book.put(record)
            await self._publishing.rewire(Change(new_bridges=(bridge_rules(record),)))
            return
        if record.parent:
            await self._links.ensure_parent(record.parent, self._settings.alias)
        await self._plugged.create(record)
        self._book.put(record)

    async def _take_down(self, record: NetworkRecord) -> None:
        """The book no longer has it. What isn't there is no error."""
        if record.driver == "bridge" and not record.config_only:
            await self._publishing.rewire(Change(old_bridges=(bridge_rules(record),)))
        link = record.bridge or record.parent
        others = (each for each in self._book.everything() if each.id != record.id)
        if link and not any(link in (each.bridge, each.parent) for each in others):
            await self._links.remove_link(link, self._settings.alias)

    async def remove(self, term: str) -> None:
        record = self._book.find(term)
        if record.predefined:
            raise Forbidden(f"{record.name} is a pre-defined network and cannot be removed")
        self._refuse_used(record)
        await self._remove(record)

    def _refuse_used(self, record: NetworkRecord) -> None:
        users = [
            f'name:"{attachment.name}" id:"{endpoint.endpoint_id[:12]}"'
            for attachment, endpoint in self._book.attached(record.id)
            if attachment.started
        ]
        if users:
            raise Forbidden(
                f"error while removing network: network {record.name} id {record.id} "
                f"has active endpoints ({', '.join(users)})"
            )
        if record.config_only and (
            used := [
                each.name for each in self._book.everything() if each.config_from == record.name
            ]
        ):
            raise Forbidden(f"configuration network {record.name!r} is in use by {used[0]!r}")

    async def _remove(self, record: NetworkRecord) -> None:
        """Out of the book before the first await, so that nobody attaches any more."""
        self._book.networks.pop(record.id, None)
        self._book.leaving[record.id] = record
        try:
            await self._sandboxes.abandon(record)
            await self._plugged.delete(record)
            await self._take_down(record)
            await self._store.delete(record)
        except BaseException:
            self._book.networks[record.id] = record
            raise
        finally:
            self._book.leaving.pop(record.id, None)
        self._book.forget(record)
        if record.plugged:
            await self._plugged.dues.pay(record.id)

    async def prune(self, filters: Mapping[str, Sequence[str]]) -> list[str]:
        """The names of the removed: user-defined, nobody attached, matching the filters."""
        wanted = prunable(filters)
        async with self._pruning:
            gone = []
            for record in list(self._book.networks.values()):
                used = any(a.started for a, _ in self._book.attached(record.id))
                if record.predefined or record.config_only or used or not wanted(record):
                    continue
                try:
                    await self._remove(record)
                except EngineError:
                    continue
                gone.append(record.name)
            await self._store.pruned()
            return gone
