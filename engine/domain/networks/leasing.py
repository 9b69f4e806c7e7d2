"""Pools and addresses from plugins that give them (IPAM). What was taken is noted, so that it is given back."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from ipaddress import ip_address, ip_interface, ip_network

import msgspec
import trio

from engine.domain.networks.drivers import IpamDrivers, PoolWish
from engine.domain.networks.dues import Dues
from engine.domain.networks.pools import Address, Interface
from engine.domain.networks.predefined import new_id
from engine.domain.networks.records import Due, Endpoint, EndpointWish, NetworkRecord, Room
from engine.errors import InvalidParameter, SystemFailure

GATEWAY = {"RequestAddressType": "com.docker.network.gateway"}
MAC = "com.docker.network.endpoint.macaddress"


class Place(msgspec.Struct, frozen=True):
    """An address that was given, and the way out of its subnet."""

    address: Address | None = None
    prefix: int = 0
    gateway: str = ""


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """What an endpoint has before it is made: its ID, under which it is noted, and its places by family."""

    endpoint_id: str
    mac: str = ""
    places: dict[int, Place] = {}


class Leasing:
    def __init__(self, ipams: IpamDrivers, dues: Dues) -> None:
        self._ipams = ipams
        self._dues = dues

    async def space(self, record: NetworkRecord) -> str:
        return await self._ipams.space(record.ipam_driver, record.scope)

    async def pools(self, record: NetworkRecord) -> NetworkRecord:
        """With the subnets and gateways that the plugin gives."""
        found: dict[int, list[Room]] = {4: [], 6: []}
        for version, wanted in ((4, record.ipv4), (6, record.ipv6)):
            if wanted:
                for room in record.rooms(version) or [Room(subnet="")]:
                    found[version].append(await self._pool(record, room, version))
        return _furnished(record, found)

    async def lease(self, network: NetworkRecord, wish: EndpointWish, mac: str) -> Lease:
        """All addresses or none. From here on the endpoint is owed to the plugins."""
        lease = Lease(endpoint_id=new_id(), mac=mac)
        due = Due(id=lease.endpoint_id, network_id=network.id, ipam=network.ipam_driver)
        await self._dues.note(due)
        if not network.leased:
            return lease
        try:
            return await self._addressed(network, wish, lease)
        except BaseException:
            with trio.CancelScope(shield=True):
                await self._dues.pay(lease.endpoint_id)
            raise

    async def _addressed(self, network: NetworkRecord, wish: EndpointWish, lease: Lease) -> Lease:
        needs = await self._ipams.needs(network.ipam_driver)
        if needs.mac and not lease.mac:
            lease = msgspec.structs.replace(lease, mac=_random_mac())
        options = {MAC: lease.mac} if needs.mac else {}
        places: dict[int, Place] = {}
        for version, asked in ((4, wish.ip), (6, wish.ip6)):
            rooms = _holding(network.rooms(version), asked)
            if rooms:
                places[version] = await self._place(network, rooms, asked, lease, options)
            elif asked:
                raise InvalidParameter(
                    f"invalid address {asked}: It does not belong to any of this network's subnets"
                )
        return msgspec.structs.replace(lease, places=places)

    async def _place(
        self,
        network: NetworkRecord,
        rooms: Sequence[Room],
        asked: str,
        lease: Lease,
        options: dict[str, str],
    ) -> Place:
        """Of the first subnet that has one left."""
        refusal: SystemFailure | None = None
        for room in rooms:
            try:
                found = await self._address(
                    lease.endpoint_id, network.ipam_driver, room.pool, asked, options
                )
            except SystemFailure as error:
                refusal = error
                continue
            way = "" if network.internal or network.remote else room.exit
            return Place(found.ip, found.network.prefixlen, way)
        assert refusal is not None
        raise refusal

    async def _pool(self, record: NetworkRecord, room: Room, version: int) -> Room:
        driver = record.ipam_driver
        wish = PoolWish(
            space=record.space,
            subnet=room.subnet,
            ip_range=room.ip_range,
            options=record.ipam_options or {},
            v6=version == 6,
        )
        pool = await self._ipams.request_pool(driver, wish)
        due = self._dues.get(record.id)
        await self._dues.change(record.id, pools=[*(due.pools if due else ()), pool.id])
        subnet = _subnet(driver, pool.subnet, version)
        gateway = "" if room.gateway else pool.gateway
        if not gateway:
            given = await self._address(record.id, driver, pool.id, room.gateway, GATEWAY)
            gateway = str(given.ip)
        for each in room.auxiliary.values():
            await self._address(record.id, driver, pool.id, each, {})
        return msgspec.structs.replace(room, subnet=subnet, gateway=gateway, pool=pool.id)

    async def _address(
        self, due_id: str, driver: str, pool: str, asked: str, options: dict[str, str]
    ) -> Interface:
        text = await self._ipams.request_address(driver, pool, asked, options)
        try:
            found = ip_interface(text)
        except ValueError:
            raise SystemFailure(
                f'plugin "{driver}": IpamDriver.RequestAddress: no address: {text!r}'
            ) from None
        due = self._dues.get(due_id)
        taken = [*(due.addresses if due else ()), (pool, str(found.ip))]
        await self._dues.change(due_id, addresses=taken)
        return found

    async def replay(self, network: NetworkRecord, endpoints: Iterable[Endpoint]) -> None:
        """Tell a plugin that keeps nothing what is in use. A kept lease that it refuses is its own word against ours."""
        driver = network.ipam_driver
        if not (await self._ipams.needs(driver)).replay:
            return
        places = [each.ip for each in endpoints] + [each.ip6 for each in endpoints]
        for room in (*network.rooms(4), *network.rooms(6)):
            wish = PoolWish(
                space=network.space,
                subnet=room.subnet,
                ip_range=room.ip_range,
                options=network.ipam_options or {},
                v6=":" in room.subnet,
            )
            await self._ipams.request_pool(driver, wish)
            await self._again(driver, room.pool, room.gateway, GATEWAY)
            subnet = ip_network(room.subnet)
            for text in places:
                if text and ip_address(text) in subnet:
                    await self._again(driver, room.pool, text, {})

    async def _again(self, driver: str, pool: str, address: str, options: dict[str, str]) -> None:
        try:
            if address:
                await self._ipams.request_address(driver, pool, address, options)
        except SystemFailure:
            return  # it has it still


def owed(record: NetworkRecord) -> Due:
    """What a network owes to its plugins, read out of its record."""
    rooms = [each for each in (*record.rooms(4), *record.rooms(6)) if each.pool]
    return Due(
        id=record.id,
        network_id=record.id,
        driver=record.driver if record.remote else "",
        ipam=record.ipam_driver,
        addresses=[(each.pool, each.gateway) for each in rooms if each.gateway],
        pools=[each.pool for each in rooms],
    )


def _holding(rooms: Sequence[Room], asked: str) -> Sequence[Room]:
    """The subnets that an address may come from."""
    if not asked:
        return rooms
    try:
        address = ip_address(asked)
    except ValueError:
        raise InvalidParameter(f"invalid address: {asked}") from None
    return [each for each in rooms if address in ip_network(each.subnet)]


def _subnet(driver: str, text: str, version: int) -> str:
    try:
        found = ip_network(text, strict=False)
    except ValueError:
        found = None
    if found is None or found.version != version:
        raise SystemFailure(
            f'plugin "{driver}": IpamDriver.RequestPool: no IPv{version} subnet: {text!r}'
        )
    return str(found)


def _furnished(record: NetworkRecord, found: dict[int, list[Room]]) -> NetworkRecord:
    changes: dict[str, object] = {"more": [*found[4][1:], *found[6][1:]]}
    for version, suffix in ((4, ""), (6, "6")):
        for room in found[version][:1]:
            changes |= {
                f"subnet{suffix}": room.subnet,
                f"gateway{suffix}": room.gateway,
                f"pool{suffix}": room.pool,
            }
    return msgspec.structs.replace(record, **changes)


def _random_mac() -> str:
    return ":".join(f"{each:02x}" for each in (0x02, 0x42, *secrets.token_bytes(4)))
