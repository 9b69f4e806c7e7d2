"""Networks of which a plugin has the driver, the addresses, or both: libnetwork's remote drivers.

The plugin makes an interface on the host and names it; we take it into the container's namespace, and put it
back before the plugin is told that the container has left.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_interface, ip_network

import msgspec
import trio

from engine.domain.networks.addresses import next_interface
from engine.domain.networks.bindings import PortRequest, parse_port
from engine.domain.networks.book import Book
from engine.domain.networks.drivers import IpamDrivers, Joined, NetworkDrivers
from engine.domain.networks.dues import AWAY, FIRST_PAUSE, LAST_PAUSE, Dues
from engine.domain.networks.endpointoptions import interface_name, sysctl_path
from engine.domain.networks.leasing import Lease, Leasing, owed
from engine.domain.networks.pools import Interface
from engine.domain.networks.ports import LinkPlan, Links, Store
from engine.domain.networks.records import Due, Endpoint, EndpointWish, NetworkRecord
from engine.errors import EngineError, InvalidParameter, SystemFailure

log = logging.getLogger(__name__)

Options = Mapping[str, object]
EXPOSED = "com.docker.network.endpoint.exposedports"
PROTOCOL_NUMBERS = {"tcp": 6, "udp": 17, "sctp": 132}


class Plugged:
    """Outlives the service's incarnations, like the book."""

    def __init__(
        self,
        book: Book,
        links: Links,
        store: Store,
        drivers: NetworkDrivers,
        ipams: IpamDrivers,
    ) -> None:
        self._book = book
        self._links = links
        self._drivers = drivers
        self.dues = Dues(drivers, ipams, store)
        self.leasing = Leasing(ipams, self.dues)

    # networks

    async def announce(self, record: NetworkRecord) -> NetworkRecord:
        """Its plugins are there, and from here on it is owed to them. NotFound, Unavailable."""
        if record.remote:
            scope = await self._drivers.scope(record.driver)
            record = msgspec.structs.replace(record, scope=scope)
        if record.leased:
            space = await self.leasing.space(record)
            record = msgspec.structs.replace(record, space=space)
        if record.plugged:
            due = Due(id=record.id, network_id=record.id, ipam=record.ipam_driver)
            await self.dues.note(due)
        return record

    async def create(self, record: NetworkRecord) -> None:
        if record.remote:
            await self.dues.change(record.id, driver=record.driver)
            await self._drivers.create_network(record)

    async def delete(self, record: NetworkRecord) -> None:
        """While the driver is away it can't be told, so the network stays, as on dockerd; what it says itself
        is only noted."""
        if not record.plugged:
            return
        if record.id not in self.dues:
            await self.dues.note(owed(record))
        await self.dues.pay_endpoints(record.id)
        if record.remote:
            try:
                await self._drivers.delete_network(record.driver, record.id)
            except AWAY:
                raise
            except EngineError as error:
                log.warning("network %s: %s", record.name, error)
            await self.dues.change(record.id, driver="")

    # endpoints

    async def lease(
        self, container: str, network: NetworkRecord, wish: EndpointWish, mac: str
    ) -> Lease:
        try:
            return await self.leasing.lease(network, wish, wish.mac or mac)
        except EngineError as error:
            raise failed(container, network, error) from error

    async def leases(
        self, container: str, networks: Iterable[tuple[NetworkRecord, EndpointWish]], mac: str
    ) -> dict[str, Lease]:
        """Of the networks that plugins have a part in: all or none."""
        found: dict[str, Lease] = {}
        try:
            for network, wish in networks:
                if network.plugged:
                    found[network.id] = await self.lease(container, network, wish, mac)
        except BaseException:
            await self.give_up(found)
            raise
        return found

    async def give_up(self, leases: Mapping[str, Lease]) -> None:
        with trio.CancelScope(shield=True):
            for lease in leases.values():
                await self.dues.pay(lease.endpoint_id)

    async def make(
        self, container: str, network: NetworkRecord, endpoint: Endpoint, options: Options
    ) -> Endpoint:
        """With what the driver chose itself."""
        await self.dues.change(endpoint.endpoint_id, driver=network.driver)
        try:
            found = await self._drivers.create_endpoint(network, endpoint, options)
            pairs = ((found.address, endpoint.ip), (found.address6, endpoint.ip6))
            for said, had in (*pairs, (found.mac, endpoint.mac)):
                if said and had:
                    raise SystemFailure(
                        f'plugin "{network.driver}": NetworkDriver.CreateEndpoint: '
                        f"it changes {had} to {said}"
                    )
            changes: dict[str, object] = {"mac": endpoint.mac or found.mac}
            for said, suffix in ((found.address, ""), (found.address6, "6")):
                if said:
                    place = _interface(network.driver, said)
                    changes |= {f"ip{suffix}": str(place.ip)}
                    changes |= {f"prefix{suffix}": place.network.prefixlen}
        except EngineError as error:
            raise failed(container, network, error) from error
        return msgspec.structs.replace(endpoint, **changes)

    async def join(
        self,
        container: str,
        path: str,
        network: NetworkRecord,
        endpoint: Endpoint,
        beside: Iterable[str],
        options: Options,
    ) -> Endpoint:
        """The interface is in the namespace when this returns; `beside` are the names that are taken there."""
        await self.dues.change(endpoint.endpoint_id, joined=True)
        try:
            joined = await self._drivers.join(network.driver, endpoint, path, options)
            named = msgspec.structs.replace(
                endpoint,
                interface=_name(network, endpoint, joined, beside),
                source=joined.source,
                gateway="" if network.internal else joined.gateway,
                gateway6="" if network.internal else joined.gateway6,
            )
            own = await self._links.adopt(path, _plan(named, joined)) if joined.source else ""
            told = "" if named.mac or own else await self._drivers.mac(network.driver, endpoint)
        except EngineError as error:
            raise failed(container, network, error) from error
        return msgspec.structs.replace(named, mac=named.mac or own or told)

    async def program(
        self, endpoint: Endpoint, exposed: Sequence[str], ports: Sequence[PortRequest]
    ) -> None:
        """Its ports are to be reached from outside: the plugin's business."""
        await self.dues.change(endpoint.endpoint_id, programmed=True)
        await self._drivers.program(endpoint.driver, endpoint, exposed, ports)

    async def leave(self, path: str, endpoint: Endpoint) -> None:
        """Never fails: a plugin that is away is told later."""
        if endpoint.source and endpoint.interface:
            try:
                await self._links.give_back(path, endpoint.interface, endpoint.source)
            except EngineError as error:
                log.warning("interface %s: %s", endpoint.source, error)
        await self.over(endpoint)

    async def over(self, endpoint: Endpoint) -> None:
        """No container has it any more."""
        if endpoint.endpoint_id in self.dues:
            await self.dues.pay(endpoint.endpoint_id)

    # the background

    async def take_up(self) -> None:
        owners = {*self._book.networks}
        for attachment in self._book.attachments.values():
            owners |= {each.endpoint_id for each in attachment.sandbox.endpoints}
        await self.dues.take_up(owners)

    async def replay(self) -> None:
        """Once, for those plugins that keep nothing; who is away is told when it is back."""
        async with trio.open_nursery() as nursery:
            for record in self._book.networks.values():
                if record.leased:
                    nursery.start_soon(self._replay, record)

    async def _replay(self, record: NetworkRecord) -> None:
        pause = FIRST_PAUSE
        while record.id in self._book.networks:
            try:
                used = [endpoint for _, endpoint in self._book.attached(record.id)]
                await self.leasing.replay(record, used)
                return
            except AWAY as error:
                log.debug("network %s: %s", record.name, error)
            except EngineError as error:
                log.warning("network %s: %s", record.name, error)
                return
            await trio.sleep(pause)
            pause = min(2 * pause, LAST_PAUSE)


def endpoint_options(exposed: Iterable[str], options: Mapping[str, str]) -> Options:
    """What CreateEndpoint and Join are told besides: the exposed ports, and the endpoint's own options."""
    ports = [parse_port(each) for each in exposed]
    found = [{"Proto": PROTOCOL_NUMBERS[each.proto], "Port": each.number} for each in ports]
    return {**options, EXPOSED: found}


def failed(container: str, network: NetworkRecord, error: EngineError) -> EngineError:
    """The same kind of error, in dockerd's words."""
    kind = SystemFailure if isinstance(error, SystemFailure) else type(error)
    return kind(f"failed to create endpoint {container} on network {network.name}: {error.message}")


def _name(network: NetworkRecord, endpoint: Endpoint, joined: Joined, beside: Iterable[str]) -> str:
    if not joined.source:
        return ""
    wanted = endpoint.interface or joined.name
    name = wanted or next_interface(joined.prefix or network.prefix, beside)
    try:
        interface_name(joined.source)
        return interface_name(name)
    except InvalidParameter as error:
        raise SystemFailure(f'plugin "{network.driver}": NetworkDriver.Join: {error}') from None


def _plan(endpoint: Endpoint, joined: Joined) -> LinkPlan:
    texts = [f"{endpoint.ip}/{endpoint.prefix}"] if endpoint.ip else []
    texts += [f"{endpoint.ip6}/{endpoint.prefix6}"] if endpoint.ip6 else []
    return LinkPlan(
        source=joined.source,
        name=endpoint.interface,
        mac=endpoint.mac,
        addresses=tuple(ip_interface(each) for each in (*texts, *endpoint.local)),
        routes=tuple((str(ip_network(to, strict=False)), hop) for to, hop in joined.routes),
        sysctls=tuple(sysctl_path(each, endpoint.interface) for each in endpoint.sysctls),
    )


def _interface(driver: str, text: str) -> Interface:
    try:
        return ip_interface(text)
    except ValueError:
        raise SystemFailure(
            f'plugin "{driver}": NetworkDriver.CreateEndpoint: no address: {text!r}'
        ) from None
