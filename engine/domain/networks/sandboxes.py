"""Sandboxes: from a container's plan to its endpoints in a network namespace, and back."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import trio

from engine.domain.networks.addresses import host_interface, mac_of
from engine.domain.networks.book import Attachment, Book
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
from engine.errors import Conflict, InvalidParameter

_JOIN = "container:"


class Sandboxes:
    """Makes and removes namespaces; the book says who has what."""

    def __init__(self, settings: NetworkSettings, book: Book, links: Links) -> None:
        self._settings = settings
        self._book = book
        self._links = links

    async def prepare(self, container_id: str, plan: EndpointPlan) -> Sandbox:
        if container_id in self._book.attachments:
            raise Conflict(f"container {container_id} has its network already")
        mode = self._mode(plan)
        if mode.startswith(_JOIN):
            return self._join(container_id, plan, mode.removeprefix(_JOIN))
        network = self._book.find(mode)
        if network.driver == "host":
            return self._host(container_id, plan, network)
        return await self._own(container_id, plan, network)

    async def release(self, container_id: str) -> None:
        """Nothing to release is no error: a start may have failed anywhere."""
        attachment = self._book.attachments.pop(container_id, None)
        if attachment is None or attachment.joined or attachment.sandbox.netns_path is None:
            return
        await self._dismantle(attachment.sandbox)

    def _mode(self, plan: EndpointPlan) -> str:
        if plan.mode in ("", "default", "bridge"):
            return "none" if self._settings.bridge == NO_BRIDGE else "bridge"
        return plan.mode

    def _attach(
        self, container_id: str, plan: EndpointPlan, sandbox: Sandbox, *, joined: bool
    ) -> Sandbox:
        self._book.attachments[container_id] = Attachment(
            container_id, plan.container_name, sandbox, joined
        )
        return sandbox

    def _join(self, container_id: str, plan: EndpointPlan, target: str) -> Sandbox:
        other = self._book.attachments.get(target)
        if other is None:
            raise Conflict(f"cannot join network of a non running container: {target}")
        shared = Sandbox(id="", key="", netns_path=other.sandbox.netns_path, endpoints=[])
        return self._attach(container_id, plan, shared, joined=True)

    def _host(self, container_id: str, plan: EndpointPlan, network: NetworkRecord) -> Sandbox:
        sandbox = Sandbox(
            id=new_id(),
            key=self._links.namespace_path("default"),
            netns_path=None,
            endpoints=[_bare(network)],
        )
        return self._attach(container_id, plan, sandbox, joined=False)

    async def _own(self, container_id: str, plan: EndpointPlan, network: NetworkRecord) -> Sandbox:
        sandbox_id = new_id()
        path = self._links.namespace_path(sandbox_id)
        endpoint = self._endpoint(network, plan) if network.driver == "bridge" else _bare(network)
        sandbox = Sandbox(id=sandbox_id, key=path, netns_path=path, endpoints=[endpoint])
        # Before the await, so that nobody prepares the same container or address twice.
        self._attach(container_id, plan, sandbox, joined=False)
        veths = [self._veth(container_id, network, endpoint)] if endpoint.ip else []
        try:
            await self._links.create_namespace(path, veths)
        except BaseException:
            self._book.attachments.pop(container_id, None)
            with trio.CancelScope(shield=True):
                await self._dismantle(sandbox)
            raise
        return sandbox

    async def _dismantle(self, sandbox: Sandbox) -> None:
        """The address is free only once its interface is gone."""
        try:
            if sandbox.netns_path is not None:
                await self._links.remove_namespace(sandbox.netns_path)
        finally:
            for endpoint in sandbox.endpoints:
                self._book.free(endpoint)

    def _endpoint(self, network: NetworkRecord, plan: EndpointPlan) -> Endpoint:
        wish = plan.wishes.get(network.name) or plan.wishes.get(network.id) or EndpointWish()
        allocator = self._book.allocators[network.id]
        if wish.ip:
            address = _address(wish.ip)
            allocator.take(address)
        else:
            address = allocator.take_next()
        endpoint_id = new_id()
        return Endpoint(
            network_id=network.id,
            network_name=network.name,
            endpoint_id=endpoint_id,
            interface="eth0",
            host_interface=host_interface(endpoint_id),
            ip=str(address),
            prefix=IPv4Network(network.subnet).prefixlen,
            gateway="" if network.internal else network.gateway,
            mac=(wish.mac or plan.mac or mac_of(address)).lower(),
            aliases=wish.aliases,
        )

    def _veth(self, container_id: str, network: NetworkRecord, endpoint: Endpoint) -> VethPlan:
        return VethPlan(
            host_name=endpoint.host_interface,
            name=endpoint.interface,
            bridge=network.bridge,
            mac=endpoint.mac,
            address=IPv4Interface(f"{endpoint.ip}/{endpoint.prefix}"),
            gateway=IPv4Address(endpoint.gateway) if endpoint.gateway else None,
            mtu=network.mtu,
            alias=f"{self._settings.alias}:{container_id[:12]}",
            isolated=not network.icc,
        )


def _bare(network: NetworkRecord) -> Endpoint:
    """An endpoint without interface, on `host` and `none`."""
    return Endpoint(network_id=network.id, network_name=network.name, endpoint_id=new_id())


def _address(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except ValueError as error:
        raise InvalidParameter(f"invalid IPv4 address: {text}") from error
