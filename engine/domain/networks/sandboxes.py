"""Sandboxes: from a container's plan to its endpoints in a network namespace, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address

import msgspec
import trio

from engine.domain.networks import endpoints as placing
from engine.domain.networks.book import Attachment, Book
from engine.domain.networks.endpoints import BARE, bare, gateway_endpoint, veth_plan
from engine.domain.networks.leasing import Lease
from engine.domain.networks.plugged import Plugged, endpoint_options
from engine.domain.networks.ports import Links, VethPlan
from engine.domain.networks.predefined import new_id
from engine.domain.networks.records import (
    Endpoint,
    EndpointPlan,
    EndpointWish,
    NetworkRecord,
    Sandbox,
)
from engine.domain.networks.settings import NO_BRIDGE, NetworkSettings
from engine.errors import Conflict, Forbidden, InvalidParameter, NotFound

_JOIN = "container:"
HOST_CONFLICT = "container cannot be disconnected from host network or connected to host network"
SHARED_CONFLICT = (
    "container sharing network namespace with another container or host cannot be connected "
    "to any other network"
)
NONE_CONFLICT = (
    "container cannot be connected to multiple networks with one of the networks in "
    "private (none) mode"
)


class Sandboxes:
    """Makes and removes namespaces and what is in them; the book says who has what."""

    def __init__(
        self, settings: NetworkSettings, book: Book, links: Links, plugged: Plugged
    ) -> None:
        self._settings = settings
        self._book = book
        self._links = links
        self._plugged = plugged

    async def prepare(self, container_id: str, plan: EndpointPlan) -> Sandbox:
        if container_id in self._book.attachments:
            raise Conflict(f"container {container_id} has its network already")
        mode = self._mode(plan.mode)
        if mode.startswith(_JOIN):
            return self._join(container_id, plan, mode.removeprefix(_JOIN))
        networks = self._networks(plan, mode)
        if networks[0][0].driver == "host":
            placing.check_wish(*networks[0])
            return self._host(container_id, plan, networks[0][0])
        return await self._own(container_id, plan, networks)

    async def release(self, container_id: str) -> None:
        """Nothing to release is no error: a start may have failed anywhere."""
        attachment = self._book.attachments.pop(container_id, None)
        if attachment is None or attachment.joined or attachment.sandbox.netns_path is None:
            return
        await self._dismantle(attachment)

    async def abandon(self, network: NetworkRecord) -> None:
        """Let go of what was only prepared: their containers prepare anew when they start."""
        for attachment, _ in list(self._book.attached(network.id)):
            if not attachment.started:
                await self.release(attachment.container_id)

    async def connect(self, container_id: str, term: str, wish: EndpointWish) -> Sandbox:
        """One more network for a container that has its namespace."""
        attachment, network = self._book.attachment(container_id), self._book.find(term)
        path = self._refuse(attachment, network)
        before = attachment.sandbox.endpoints
        if any(each.network_id == network.id for each in before):
            raise Forbidden(
                f"endpoint with name {attachment.name} already exists in network {network.name}"
            )
        leases = await self._plugged.leases(attachment.name, [(network, wish)], "")
        endpoint = await self._made(network, wish, before, leases)
        real = [each for each in before if each.addressed]
        self._reorder(attachment, [*real, endpoint])
        try:
            await self._plug(attachment, network, endpoint, wish, gateway_endpoint(real))
        except BaseException:
            broken = self._now(attachment, endpoint)
            self._reorder(attachment, before)
            with trio.CancelScope(shield=True):
                await self._unplug(path, network, broken)
            raise
        return attachment.sandbox

    async def _made(
        self,
        network: NetworkRecord,
        wish: EndpointWish,
        before: list[Endpoint],
        leases: dict[str, Lease],
    ) -> Endpoint:
        try:
            self._check_there([network])
            return placing.make(self._book, network, wish, "", before, leases.get(network.id))
        except BaseException:
            await self._plugged.give_up(leases)
            raise

    async def _plug(
        self,
        attachment: Attachment,
        network: NetworkRecord,
        endpoint: Endpoint,
        wish: EndpointWish,
        led: Endpoint | None,
    ) -> None:
        """`led` had the default route until now."""
        path = str(attachment.sandbox.netns_path)
        if network.remote:
            endpoint = await self._enter(attachment, network, endpoint, wish)
        leads = gateway_endpoint(attachment.sandbox.endpoints) is endpoint
        if not network.remote:
            first = leads and led is None
            veth = self._veth(attachment.container_id, network, endpoint, default_route=first)
            await self._links.attach(path, veth)
        if leads and (network.remote or led is not None):
            await self._route(path, endpoint)

    async def _enter(
        self,
        attachment: Attachment,
        network: NetworkRecord,
        endpoint: Endpoint,
        wish: EndpointWish,
    ) -> Endpoint:
        """A plugin's interface: made, and taken into the namespace."""
        name, sandbox = attachment.name, attachment.sandbox
        options = endpoint_options(sandbox.exposed, wish.options)
        made = await self._plugged.make(name, network, endpoint, options)
        beside = [each.interface for each in sandbox.endpoints if each.interface]
        inside = await self._plugged.join(
            name, str(sandbox.netns_path), network, made, beside, options
        )
        self._reorder(
            attachment,
            [inside if each is endpoint else each for each in attachment.sandbox.endpoints],
        )
        return inside

    def _now(self, attachment: Attachment, endpoint: Endpoint) -> Endpoint:
        """What has become of it."""
        found = (
            each
            for each in attachment.sandbox.endpoints
            if each.endpoint_id == endpoint.endpoint_id
        )
        return next(found, endpoint)

    def _check_there(self, networks: Iterable[NetworkRecord]) -> None:
        """While a plugin was asked, they may have gone."""
        for network in networks:
            if network.id not in self._book.networks:
                raise NotFound(f"network {network.name} not found")

    async def disconnect(self, container_id: str, network_id: str) -> Sandbox:
        """Take the container out of the network. NotFound when it isn't there."""
        attachment = self._book.attachment(container_id)
        endpoint = next(
            (each for each in attachment.sandbox.endpoints if each.network_id == network_id), None
        )
        if endpoint is None:
            raise NotFound(f"container {container_id} is not connected to the network")
        network = self._book.networks.get(network_id)
        if network is not None and network.driver == "host":
            raise InvalidParameter(HOST_CONFLICT)
        path = attachment.sandbox.netns_path
        led = gateway_endpoint(attachment.sandbox.endpoints) is endpoint
        self._reorder(
            attachment, [each for each in attachment.sandbox.endpoints if each is not endpoint]
        )
        if endpoint.addressed and path is not None:
            await self._unplug(path, network, endpoint)
            successor = gateway_endpoint(attachment.sandbox.endpoints)
            if led and successor is not None:
                await self._route(path, successor)
        return attachment.sandbox

    def _refuse(self, attachment: Attachment, network: NetworkRecord) -> str:
        path = attachment.sandbox.netns_path
        if network.driver == "host" or path is None:
            raise InvalidParameter(HOST_CONFLICT)
        if attachment.joined:
            raise InvalidParameter(SHARED_CONFLICT)
        if network.driver == "null" or any(
            not each.addressed for each in attachment.sandbox.endpoints
        ):
            raise InvalidParameter(NONE_CONFLICT)
        return path

    def _mode(self, mode: str) -> str:
        if mode in ("", "default", "bridge"):
            return "none" if self._settings.bridge == NO_BRIDGE else "bridge"
        return mode

    def _networks(self, plan: EndpointPlan, mode: str) -> list[tuple[NetworkRecord, EndpointWish]]:
        """The plan's networks in their order; found before anything is taken."""
        found: dict[str, tuple[NetworkRecord, EndpointWish]] = {}
        for term, wish in (plan.wishes or {mode: EndpointWish()}).items():
            network = self._book.find(self._mode(term))
            if network.config_only:
                raise Forbidden(
                    f"cannot create endpoints in configuration network {network.name!r}"
                )
            found.setdefault(network.id, (network, wish))
        networks = list(found.values())
        if len(networks) > 1:
            drivers = {network.driver for network, _ in networks}
            if "host" in drivers:
                raise InvalidParameter(SHARED_CONFLICT)
            if "null" in drivers:
                raise InvalidParameter(NONE_CONFLICT)
        return networks

    def _attach(
        self, container_id: str, plan: EndpointPlan, sandbox: Sandbox, *, joined: bool
    ) -> Attachment:
        attachment = Attachment(container_id, plan.container_name, sandbox, joined)
        self._book.attachments[container_id] = attachment
        return attachment

    def _join(self, container_id: str, plan: EndpointPlan, target: str) -> Sandbox:
        other = self._book.attachments.get(target)
        if other is None:
            raise Conflict(f"cannot join network of a non running container: {target}")
        shared = Sandbox(id="", key="", netns_path=other.sandbox.netns_path, endpoints=[])
        return self._attach(container_id, plan, shared, joined=True).sandbox

    def _host(self, container_id: str, plan: EndpointPlan, network: NetworkRecord) -> Sandbox:
        sandbox = Sandbox(
            id=new_id(),
            key=self._links.namespace_path("default"),
            netns_path=None,
            endpoints=[bare(network)],
        )
        return self._attach(container_id, plan, sandbox, joined=False).sandbox

    async def _own(
        self,
        container_id: str,
        plan: EndpointPlan,
        networks: list[tuple[NetworkRecord, EndpointWish]],
    ) -> Sandbox:
        leases = await self._plugged.leases(plan.container_name, networks, plan.mac)
        sandbox_id = new_id()
        path = self._links.namespace_path(sandbox_id)
        try:
            self._check_there(network for network, _ in networks)
            endpoints = self._endpoints(plan, networks, leases)
        except BaseException:
            await self._plugged.give_up(leases)
            raise
        sandbox = Sandbox(
            id=sandbox_id,
            key=path,
            netns_path=path,
            endpoints=endpoints,
            hostname=plan.hostname,
            dns=plan.dns,
            exposed=plan.exposed,
        )
        # Before the await, so that nobody prepares the same container or address twice.
        attachment = self._attach(container_id, plan, sandbox, joined=False)
        try:
            await self._furnish(attachment, path, networks)
        except BaseException:
            self._book.attachments.pop(container_id, None)
            with trio.CancelScope(shield=True):
                await self._dismantle(attachment)
            raise
        return attachment.sandbox

    async def _furnish(
        self,
        attachment: Attachment,
        path: str,
        networks: list[tuple[NetworkRecord, EndpointWish]],
    ) -> None:
        """The namespace with all interfaces. Where plugins have some, they say only then where these lead."""
        places = list(zip(networks, attachment.sandbox.endpoints, strict=True))
        remote = [each for each in places if each[0][0].remote]
        leader = None if remote else gateway_endpoint(attachment.sandbox.endpoints)
        veths = [
            self._veth(attachment.container_id, network, endpoint, default_route=endpoint is leader)
            for (network, _), endpoint in places
            if endpoint.addressed and not network.remote
        ]
        await self._links.create_namespace(path, veths)
        for (network, wish), endpoint in remote:
            await self._enter(attachment, network, endpoint, wish)
        if remote and (leader := gateway_endpoint(attachment.sandbox.endpoints)):
            await self._route(path, leader)

    def _endpoints(
        self,
        plan: EndpointPlan,
        networks: list[tuple[NetworkRecord, EndpointWish]],
        leases: Mapping[str, Lease],
    ) -> list[Endpoint]:
        """All addresses or none."""
        made: list[Endpoint] = []
        try:
            for index, (network, wish) in enumerate(networks):
                if network.driver in BARE:
                    placing.check_wish(network, wish)
                    made.append(bare(network))
                    continue
                mac = "" if index else plan.mac
                lease = leases.get(network.id)
                made.append(placing.make(self._book, network, wish, mac, made, lease))
        except BaseException:
            for endpoint in made:
                self._book.free(endpoint)
            raise
        return made

    async def _dismantle(self, attachment: Attachment) -> None:
        """The addresses are free only once their interfaces are gone.

        They go with the namespace; where others live on in it, they must be taken out.
        """
        sandbox = attachment.sandbox
        try:
            if sandbox.netns_path is not None:
                if self._book.joined(attachment):
                    await self._strip(sandbox)
                for endpoint in sandbox.endpoints:
                    if endpoint.driver:
                        await self._plugged.leave(sandbox.netns_path, endpoint)
                await self._links.remove_namespace(sandbox.netns_path)
        finally:
            for endpoint in sandbox.endpoints:
                self._book.free(endpoint)
                await self._plugged.over(endpoint)

    async def _strip(self, sandbox: Sandbox) -> None:
        for endpoint in sandbox.endpoints:
            if endpoint.addressed and not endpoint.driver and sandbox.netns_path is not None:
                network = self._book.networks.get(endpoint.network_id)
                await self._detach(sandbox.netns_path, network, endpoint)

    async def _unplug(self, path: str, network: NetworkRecord | None, endpoint: Endpoint) -> None:
        """Where it fails, the address stays taken, since it may be on the wire."""
        await self._detach(path, network, endpoint)
        self._book.free(endpoint)
        await self._plugged.over(endpoint)

    async def _detach(self, path: str, network: NetworkRecord | None, endpoint: Endpoint) -> None:
        if endpoint.driver:
            await self._plugged.leave(path, endpoint)
            return
        kind = network.driver if network and network.driver != "bridge" else "veth"
        await self._links.detach(path, _gone(endpoint, kind))

    async def _route(self, path: str, endpoint: Endpoint) -> None:
        await self._links.set_gateways(
            path,
            endpoint.interface,
            IPv4Address(endpoint.gateway) if endpoint.gateway else None,
            IPv6Address(endpoint.gateway6) if endpoint.gateway6 else None,
        )

    def _reorder(self, attachment: Attachment, endpoints: list[Endpoint]) -> None:
        attachment.sandbox = msgspec.structs.replace(attachment.sandbox, endpoints=endpoints)

    def _veth(
        self, container_id: str, network: NetworkRecord, endpoint: Endpoint, *, default_route: bool
    ) -> VethPlan:
        alias = f"{self._settings.alias}:{container_id[:12]}"
        return veth_plan(network, endpoint, alias, default_route=default_route)


def _gone(endpoint: Endpoint, kind: str) -> VethPlan:
    """As much of an interface as its removal needs."""
    return VethPlan(
        host_name=endpoint.host_interface,
        name=endpoint.interface,
        bridge="",
        mac="",
        address=None,
        gateway=None,
        mtu=0,
        alias="",
        kind=kind,
    )
