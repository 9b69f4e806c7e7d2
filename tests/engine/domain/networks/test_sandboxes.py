from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from engine.domain.networks.facade import EndpointPlan, NetworkSettings, Sandbox
from engine.errors import Conflict, NotFound, SystemFailure
from tests.engine.domain.networks.rooms import Room, plan, running


async def test_default_mode_is_an_endpoint_on_the_bridge(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        sandbox = await networks.prepare("c" * 64, plan("web"))
    (endpoint,) = sandbox.endpoints
    assert (endpoint.ip, endpoint.prefix, endpoint.gateway, endpoint.network_name) == (
        "172.17.0.2", 16, "172.17.0.1", "bridge",
    )  # fmt: skip
    assert endpoint.mac == "02:42:ac:11:00:02"
    assert sandbox.key == sandbox.netns_path == f"/netns/{sandbox.id[:12]}"
    (veth,) = room.links.spaces[sandbox.key]
    assert (veth.bridge, veth.mtu, veth.alias) == ("trimaran0", 1460, f"trimaran:e1:{'c' * 12}")


async def test_many_at_once_get_an_address_each(autojump_clock: MockClock) -> None:
    room = Room()
    made: list[Sandbox] = []

    async with running(room) as networks:

        async def make(number: int) -> None:
            made.append(await networks.prepare(f"c{number}", plan(f"n{number}")))

        before = trio.current_time()
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(make, number)
        # Side by side: the time of one.
        assert trio.current_time() - before < 0.01
    assert len({sandbox.endpoints[0].ip for sandbox in made}) == 20


async def test_failed_namespace_gives_the_address_back(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        room.links.failure = SystemFailure("no room for a namespace")
        with pytest.raises(SystemFailure, match="no room"):
            await networks.prepare("a", plan("a"))
        room.links.failure = None
        assert (await networks.prepare("a", plan("a"))).endpoints[0].ip == "172.17.0.2"


async def test_asker_that_leaves_does_not_stop_the_work(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        with trio.move_on_after(0.001):
            await networks.prepare("a", plan("a"))
        await trio.sleep(1)
        assert len(room.links.spaces) == 1
        await networks.release("a")
        assert room.links.spaces == {}


async def test_modes_without_an_address(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        none = await networks.prepare("a", plan("a", "none"))
        host = await networks.prepare("b", plan("b", "host"))
        assert room.links.spaces == {none.key: []}
        assert (host.netns_path, host.key) == (None, "/netns/default")
        assert [s.endpoints[0].network_name for s in (none, host)] == ["none", "host"]
        for name in "ab":
            await networks.release(name)
        assert room.links.spaces == {}


async def test_joined_namespace_outlives_its_guest(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        owner = await networks.prepare("a", plan("a"))
        guest = await networks.prepare("b", plan("b", "container:a"))
        assert (guest.netns_path, guest.id, guest.endpoints) == (owner.netns_path, "", [])
        await networks.release("b")
        assert owner.key in room.links.spaces
        with pytest.raises(Conflict, match="cannot join network of a non running container: z"):
            await networks.prepare("c", plan("c", "container:z"))


async def test_unknown_network_is_not_found(autojump_clock: MockClock) -> None:
    async with running(Room()) as networks:
        with pytest.raises(NotFound, match="network nope not found"):
            await networks.prepare("a", plan("a", "nope"))


async def test_second_preparation_is_refused(autojump_clock: MockClock) -> None:
    async with running(Room()) as networks:
        await networks.prepare("a", plan("a"))
        with pytest.raises(Conflict):
            await networks.prepare("a", plan("a"))


async def test_chosen_mac_is_kept_and_icc_false_isolates(autojump_clock: MockClock) -> None:
    room = Room(settings=NetworkSettings(engine_id="e1", icc=False))
    async with running(room) as networks:
        wish = EndpointPlan(container_name="a", mac="02:AA:00:00:00:01")
        sandbox = await networks.prepare("a", wish)
    (veth,) = room.links.spaces[sandbox.key]
    assert (veth.mac, veth.isolated) == ("02:aa:00:00:00:01", True)


async def test_without_a_bridge_default_means_none(autojump_clock: MockClock) -> None:
    room = Room(settings=NetworkSettings(engine_id="e1", bridge="none"))
    async with running(room) as networks:
        sandbox = await networks.prepare("a", plan("a"))
        assert sandbox.endpoints[0].network_name == "none"
        assert [n["Name"] for n in networks.list()] == ["none", "host"]
