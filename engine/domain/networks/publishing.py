"""Published ports: taken on the host, diverted by the firewall, given back."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable, Sequence
from functools import partial
from ipaddress import ip_address

import trio

from engine.domain.networks.bindings import PortRequest
from engine.domain.networks.book import Attachment, Book
from engine.domain.networks.endpoints import gateway_endpoint
from engine.domain.networks.hostports import ANY, HostPorts
from engine.domain.networks.plugged import Plugged
from engine.domain.networks.ports import Change, Drift, Firewall, Links, PortForward
from engine.domain.networks.records import ROUTED, Endpoint, PublishedPort
from engine.domain.networks.relays import Relay, Relays
from engine.domain.networks.settings import NetworkSettings
from engine.errors import Conflict, EngineError, NotImplementedHere

log = logging.getLogger(__name__)

LOCAL = ("127.0.0.1",)


class Publishing:
    """The ports of all containers, and the one writer of the firewall."""

    def __init__(
        self,
        settings: NetworkSettings,
        book: Book,
        links: Links,
        firewall: Firewall,
        host_ports: HostPorts,
        relays: Relays,
        plugged: Plugged,
    ) -> None:
        self._settings = settings
        self._book = book
        self._links = links
        self._firewall = firewall
        self._host_ports = host_ports
        self.relays = relays
        self._plugged = plugged
        # One transaction at a time, each with the plan that is wanted after it.
        self._turn = trio.Lock()

    async def publish(
        self, container_id: str, requests: Sequence[PortRequest]
    ) -> list[PublishedPort]:
        attachment = self._book.attachment(container_id)
        endpoint = gateway_endpoint(attachment.sandbox.endpoints)
        if endpoint is None or not (requests or endpoint.driver):
            return []  # host, none, container, internal: publish nothing
        if attachment.published:
            raise Conflict(f"container {container_id} has published its ports already")
        try:
            if endpoint.driver:
                await self._plugged.program(endpoint, attachment.sandbox.exposed, requests)
            else:
                await self._publish(attachment, endpoint, requests)
        except EngineError as error:
            raise type(error)(
                "driver failed programming external connectivity on endpoint "
                f"{attachment.name} ({endpoint.endpoint_id}): {error}"
            ) from error
        return attachment.published

    async def unpublish(self, container_id: str) -> None:
        attachment = self._book.attachments.get(container_id)
        if attachment is not None and attachment.published:
            await self._withdraw(attachment)

    def adopt(self, attachment: Attachment, ports: Iterable[PublishedPort]) -> None:
        """Take up the ports of a container that outlived the daemon; the firewall has them."""
        endpoint = gateway_endpoint(attachment.sandbox.endpoints)
        if endpoint is None:
            return
        attachment.published = list(ports)
        attachment.forwards = _forwards(endpoint, attachment.published)
        for port in attachment.published:
            if not port.host_port:
                continue
            refusal = self._host_ports.adopt(port.proto, port.host_ip, port.host_port)
            if refusal is not None and port.host_ip != "::":
                log.warning("port of container %s: %s", attachment.name, refusal)
        self._relay(attachment)

    async def move(self, attachment: Attachment) -> None:
        """The ports lead to where the default route is now; the host's side stays as it is."""
        endpoint = gateway_endpoint(attachment.sandbox.endpoints)
        before = attachment.forwards
        ours = endpoint if endpoint and not endpoint.driver else None  # else a plugin's business
        after = _forwards(ours, attachment.published) if ours else frozenset()
        attachment.forwards = after
        await self._change(add=after - before, remove=before - after)

    async def rewire(self, change: Change) -> None:
        """Networks come and go; the book has them already, or no longer."""
        if self._settings.iptables:
            async with self._turn:
                await self._firewall.change(self._book.firewall_plan(), change)

    async def load(self) -> bool:
        """Make the firewall what the book says; True when it was not."""
        if not self._settings.iptables:
            return False
        async with self._turn:
            return await self._firewall.load(self._book.firewall_plan())

    async def repair(self) -> Drift:
        """What was found amiss; it is right again when this returns."""
        if not self._settings.iptables:
            return Drift()
        async with self._turn:
            plan = self._book.firewall_plan()
            drift = await self._firewall.drift(plan)
            if drift:
                await self._firewall.load(plan)
        return drift

    async def _publish(
        self, attachment: Attachment, endpoint: Endpoint, requests: Sequence[PortRequest]
    ) -> None:
        taken: list[PublishedPort] = []
        try:
            for request in requests:
                taken += self._take(request, endpoint)
            attachment.published = taken
            attachment.forwards = _forwards(endpoint, taken)
            await self._change(add=attachment.forwards, remove=())
            self._relay(attachment)
        except BaseException:
            attachment.published, attachment.forwards = [], frozenset()
            self._give_back(taken)
            raise

    async def _withdraw(self, attachment: Attachment) -> None:
        forwards, ports = attachment.forwards, attachment.published
        attachment.published, attachment.forwards = [], frozenset()
        try:
            await self._change(add=(), remove=forwards)
        finally:
            # Last: whoever gets the port must not have it diverted.
            self._give_back(ports)

    async def _change(self, *, add: Iterable[PortForward], remove: Iterable[PortForward]) -> None:
        change = Change(add=tuple(add), remove=tuple(remove))
        if self._settings.iptables and change:
            async with self._turn:
                await self._firewall.change(self._book.firewall_plan(), change)
        diverted = [each for each in (*change.add, *change.remove) if not each.routed]
        if any(forward.proto == "udp" for forward in diverted):
            await self._links.forget_flows(diverted)

    def _take(self, request: PortRequest, endpoint: Endpoint) -> list[PublishedPort]:
        host_ips = self._host_ips(request.host_ip, endpoint)
        proto = request.port.proto
        near = not request.host_ip and host_ips == ANY and self._settings.publish_policy == "lan"
        routed = self._routed(endpoint)
        if 4 in routed and not endpoint.ip6:  # there is no way over IPv6 then
            host_ips = tuple(each for each in host_ips if each != "::") or host_ips
        held = tuple(each for each in host_ips if _version(each) not in routed)
        port = self._host_ports.take(proto, held, request.first, request.last) if held else 0
        return [
            PublishedPort(
                container_port=request.port.number,
                proto=proto,
                host_ip=host_ip,
                host_port=port if host_ip in held else 0,
                near=near,
            )
            for host_ip in host_ips
        ]

    def _routed(self, endpoint: Endpoint) -> set[int]:
        """The families in which the container is reached under its own address."""
        network = self._book.networks.get(endpoint.network_id)
        modes = {4: network.gateway_mode, 6: network.gateway_mode6} if network else {}
        return {version for version, mode in modes.items() if mode == ROUTED}

    def _host_ips(self, wanted: str, endpoint: Endpoint) -> tuple[str, ...]:
        """No host IP is every address of both families, as dockerd shows it."""
        network = self._book.networks.get(endpoint.network_id)
        host_ip = wanted or (network.host_ip if network else "") or self._settings.default_ip
        if not wanted and host_ip in ("", "0.0.0.0"):
            return LOCAL if self._settings.publish_policy == "local" else ANY
        if ":" in host_ip and not endpoint.ip6:
            raise NotImplementedHere(
                f"cannot publish on {host_ip}: the network has no IPv6 addresses"
            )
        return (host_ip,)

    def _relay(self, attachment: Attachment) -> None:
        """Carry by hand what comes over IPv6 and can't be diverted."""
        for port in attachment.published if self._settings.userland_proxy else ():
            if not port.host_port:
                continue
            held = self._host_ports.held(port.proto, port.host_ip, port.host_port)
            relayed = port.proto in ("tcp", "udp") and ":" in port.host_ip
            if relayed and isinstance(held, socket.socket):
                target = partial(_target, attachment, port.container_port)
                self.relays.put(_place(port), Relay(held, target, port.near))

    def _give_back(self, ports: Iterable[PublishedPort]) -> None:
        for port in ports:
            if not port.host_port:
                continue
            self.relays.drop(_place(port))
            self._host_ports.free(port.proto, port.host_ip, port.host_port)


def _place(port: PublishedPort) -> tuple[str, str, int]:
    return port.proto, port.host_ip, port.host_port


def _version(address: str) -> int:
    return 6 if ":" in address else 4


def _target(attachment: Attachment, port: int) -> tuple[str, int] | None:
    endpoint = gateway_endpoint(attachment.sandbox.endpoints)
    address = (endpoint.ip6 or endpoint.ip) if endpoint else ""
    return (address, port) if address else None


def _forwards(endpoint: Endpoint, ports: Iterable[PublishedPort]) -> frozenset[PortForward]:
    """What the firewall diverts: to the container's address of the same family, if it has one."""
    found = set()
    for port in ports:
        own = endpoint.ip6 if ":" in port.host_ip else endpoint.ip
        if port.host_port == 0 and port.host_ip in LOCAL:
            continue  # the host needs no opening
        if own:
            every = port.host_ip in ANY or not port.host_port
            found.add(
                PortForward(
                    proto=port.proto,
                    host_ip=None if every else ip_address(port.host_ip),
                    host_port=port.host_port,
                    container_ip=ip_address(own),
                    container_port=port.container_port,
                    near=port.near,
                )
            )
    return frozenset(found)
