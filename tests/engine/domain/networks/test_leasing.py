from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from msgspec.structs import replace
from trio.testing import MockClock

from engine.domain.networks.drivers import IpamNeeds
from engine.domain.networks.dues import Dues
from engine.domain.networks.leasing import Leasing, Place, owed
from engine.domain.networks.records import Due, Endpoint, EndpointWish, NetworkRecord, Room
from engine.errors import InvalidParameter, SystemFailure
from tests.fakes.networks import FakeDrivers, FakeIpams, FakeStore

DRAFT = NetworkRecord(id="n1", name="leased", driver="bridge", created="", ipam_driver="plug")
NETWORK = replace(DRAFT, space="here", subnet="10.9.0.0/24", gateway="10.9.0.1", pool="pool-1")


class World:
    def __init__(self) -> None:
        self.ipams, self.store = FakeIpams(), FakeStore()
        self.dues = Dues(FakeDrivers(), self.ipams, self.store)
        self.leasing = Leasing(self.ipams, self.dues)


async def test_plugin_chooses_pool_and_gateway_and_both_are_noted(
    autojump_clock: MockClock,
) -> None:
    world = World()
    await world.dues.note(Due(id="n1", network_id="n1", ipam="plug"))
    draft = replace(DRAFT, space=await world.leasing.space(DRAFT))
    found = await world.leasing.pools(draft)
    assert (found.space, found.subnet, found.gateway, found.pool) == (
        "local-space", "10.9.0.0/24", "10.9.0.1", "pool-1",
    )  # fmt: skip
    due = world.store.noted["n1"]
    assert (due.pools, due.addresses) == (["pool-1"], [("pool-1", "10.9.0.1")])
    assert replace(owed(found), addresses=due.addresses) == owed(found) == due


async def test_asked_gateway_and_auxiliary_addresses_are_reserved(
    autojump_clock: MockClock,
) -> None:
    world = World()
    await world.dues.note(Due(id="n1", network_id="n1", ipam="plug"))
    more = [Room(subnet="10.9.1.0/24", gateway="10.9.1.1")]
    wanted = replace(DRAFT, subnet="10.9.0.0/24", auxiliary={"a": "10.9.0.7"}, more=more)
    found = await world.leasing.pools(wanted)
    assert [each.pool for each in found.rooms(4)] == ["pool-1", "pool-1"]
    assert world.ipams.given == ["10.9.0.1", "10.9.0.7", "10.9.1.1"]


@pytest.mark.parametrize("subnet", ["fd01::/64", "nonsense"])
async def test_pool_of_another_family_is_refused(autojump_clock: MockClock, subnet: str) -> None:
    world = World()
    world.ipams.subnet = subnet
    await world.dues.note(Due(id="n1", network_id="n1", ipam="plug"))
    with pytest.raises(SystemFailure, match=r'plugin "plug": IpamDriver.RequestPool: no IPv4'):
        await world.leasing.pools(DRAFT)


async def test_lease_is_noted_with_what_was_taken(autojump_clock: MockClock) -> None:
    world = World()
    lease = await world.leasing.lease(NETWORK, EndpointWish(), "")
    assert lease.places == {4: Place(ip_address("10.9.0.1"), 24, "10.9.0.1")}
    assert world.store.noted[lease.endpoint_id].addresses == [("pool-1", "10.9.0.1")]
    chosen = await world.leasing.lease(NETWORK, EndpointWish(ip="10.9.0.9"), "")
    assert chosen.places[4].address == ip_address("10.9.0.9")


async def test_plugin_that_wants_it_is_told_the_mac(autojump_clock: MockClock) -> None:
    world = World()
    world.ipams.wanted = IpamNeeds(mac=True)
    lease = await world.leasing.lease(NETWORK, EndpointWish(), "")
    assert lease.mac.startswith("02:42:")
    assert world.ipams.calls[-1] == ("request_address", "", lease.mac)
    lease = await world.leasing.lease(NETWORK, EndpointWish(), "02:00:00:00:00:05")
    assert world.ipams.calls[-1] == ("request_address", "", "02:00:00:00:00:05")


@pytest.mark.parametrize(
    ("wish", "failure", "kind"),
    [
        ({"ip": "10.8.0.1"}, None, InvalidParameter),
        ({"ip": "x"}, None, InvalidParameter),
        ({"ip6": "fd01::1"}, None, InvalidParameter),
        ({}, SystemFailure("no address is left"), SystemFailure),
    ],
)
async def test_failed_lease_owes_nothing(
    autojump_clock: MockClock,
    wish: dict[str, Any],
    failure: Exception | None,
    kind: type[Exception],
) -> None:
    world = World()
    if failure is not None:
        world.ipams.failures["request_address"] = failure
    with pytest.raises(kind):
        await world.leasing.lease(NETWORK, EndpointWish(**wish), "")
    assert (world.store.noted, world.ipams.given) == ({}, [])


async def test_network_that_is_not_leased_has_no_places(autojump_clock: MockClock) -> None:
    world = World()
    lease = await world.leasing.lease(replace(NETWORK, ipam_driver="default"), EndpointWish(), "m")
    assert (lease.places, lease.mac, world.ipams.calls) == ({}, "m", [])


async def test_plugin_that_forgets_is_told_again(autojump_clock: MockClock) -> None:
    world = World()
    endpoint = Endpoint(network_id="n1", network_name="leased", endpoint_id="e", ip="10.9.0.5")
    await world.leasing.replay(NETWORK, [endpoint])
    assert world.ipams.given == []
    world.ipams.wanted = IpamNeeds(replay=True)
    await world.leasing.replay(NETWORK, [endpoint])
    assert world.ipams.pools == {"pool-1"}
    assert world.ipams.given == ["10.9.0.1", "10.9.0.5"]
    world.ipams.failures["request_address"] = SystemFailure("it is taken")
    await world.leasing.replay(NETWORK, [endpoint])
