from __future__ import annotations

import trio
from trio.testing import MockClock

from engine.domain.networks.dues import Dues
from engine.domain.networks.records import Due
from engine.errors import SystemFailure, Unavailable
from tests.fakes.networks import FakeDrivers, FakeIpams, FakeStore

ENDPOINT = Due(
    id="e1",
    network_id="n1",
    driver="plug",
    joined=True,
    programmed=True,
    ipam="plug",
    addresses=[("p", "10.9.0.2"), ("p", "10.9.0.3")],
)
TOLD = [("revoke",), ("leave",), ("delete_endpoint",)]
GIVEN_BACK = [("release_address", "10.9.0.2"), ("release_address", "10.9.0.3")]


class World:
    def __init__(self) -> None:
        self.drivers, self.ipams, self.store = FakeDrivers(), FakeIpams(), FakeStore()
        self.ipams.given = ["10.9.0.2", "10.9.0.3"]
        self.dues = self.daemon()

    def daemon(self) -> Dues:
        return Dues(self.drivers, self.ipams, self.store)


async def test_end_is_told_in_dockerds_order_and_forgotten(autojump_clock: MockClock) -> None:
    world = World()
    await world.dues.note(ENDPOINT)
    await world.dues.pay("e1")
    await world.dues.pay("e1")
    assert world.drivers.calls == TOLD
    assert world.ipams.calls == GIVEN_BACK
    assert world.store.noted == {}
    assert "e1" not in world.dues


async def test_network_ends_with_its_pools(autojump_clock: MockClock) -> None:
    world = World()
    await world.dues.note(
        Due(id="n1", network_id="n1", driver="plug", ipam="plug", pools=["p1", "p2"])
    )
    await world.dues.pay("n1")
    assert world.drivers.calls == [("delete_network",)]
    assert world.ipams.calls == [("release_pool", "p1"), ("release_pool", "p2")]


async def test_plugin_that_refuses_was_told(autojump_clock: MockClock) -> None:
    world = World()
    world.drivers.failures["leave"] = SystemFailure("no such endpoint")
    await world.dues.note(ENDPOINT)
    await world.dues.pay("e1")
    assert world.drivers.calls == TOLD
    assert world.store.noted == {}


async def test_who_is_away_is_told_later_and_nothing_twice(autojump_clock: MockClock) -> None:
    world = World()
    world.ipams.failures["release_address"] = Unavailable("it does not answer")
    await world.dues.note(ENDPOINT)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.dues.settle)
        await world.dues.pay("e1")
        assert "e1" in world.store.noted
        await trio.sleep(30)
        assert world.drivers.calls == TOLD
        world.ipams.failures.clear()
        await trio.sleep(11)
        assert world.ipams.given == []
        assert world.store.noted == {}
        nursery.cancel_scope.cancel()


async def test_next_daemon_pays_what_has_no_owner(autojump_clock: MockClock) -> None:
    world = World()
    await world.dues.note(ENDPOINT)
    await world.dues.note(Due(id="n1", network_id="n1", driver="plug"))
    later = world.daemon()
    await later.take_up({"n1"})
    async with trio.open_nursery() as nursery:
        nursery.start_soon(later.settle)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert list(world.store.noted) == ["n1"]
    assert world.drivers.calls == TOLD


async def test_network_waits_for_its_endpoints_alone(autojump_clock: MockClock) -> None:
    world = World()
    for due in (ENDPOINT, Due(id="e2", network_id="n2", driver="plug")):
        await world.dues.note(due)
        world.dues.leave(due.id)
    await world.dues.pay_endpoints("n1")
    assert list(world.store.noted) == ["e2"]
