"""Networks of plugins, from their creation to their end, in a room on fakes."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from msgspec.structs import replace
from trio.testing import MockClock

from engine.domain.networks.bindings import ContainerPort, PortRequest
from engine.domain.networks.drivers import Interface, IpamNeeds, Joined
from engine.domain.networks.facade import (
    EndpointPlan,
    EndpointWish,
    NetworkRecord,
    Networks,
    SavedEndpoint,
)
from engine.domain.networks.plugged import endpoint_options
from engine.errors import NotFound, SystemFailure, Unavailable
from engine.models.networks import IPAM, IPAMConfig, NetworkCreateRequest
from tests.engine.domain.networks.rooms import Room, plan, running, serving

DEAD = Unavailable('plugin "plug": it does not answer')


async def woven(networks: Networks, ipam: str = "plug", **more: Any) -> NetworkRecord:
    request = NetworkCreateRequest(name="woven", driver="plug", ipam=IPAM(driver=ipam))
    return await networks.create(replace(request, **more))


def clean(room: Room) -> bool:
    left = room.drivers.networks, room.drivers.endpoints, room.ipams.pools, room.ipams.given
    return not any(left) and not room.store.noted


async def test_container_gets_the_plugins_interface_and_gives_it_back(
    autojump_clock: MockClock,
) -> None:
    room = Room()
    async with running(room) as networks:
        network = await woven(networks)
        sandbox = await networks.prepare("c1", plan("web", "woven"))
        (endpoint,) = sandbox.endpoints
        assert (endpoint.ip, endpoint.prefix, endpoint.gateway, endpoint.interface) == (
            "10.9.0.2", 24, "10.9.0.1", "eth0",
        )  # fmt: skip
        assert (endpoint.source, endpoint.driver, endpoint.mac) == (
            "plug0", "plug", "02:00:00:00:00:07",
        )  # fmt: skip
        adopted = room.links.adopted[sandbox.key, "eth0"]
        assert [str(each) for each in adopted.addresses] == ["10.9.0.2/24"]
        assert room.links.gateways[sandbox.key] == ("eth0", "10.9.0.1", "")
        assert networks.programmed_outside("c1")
        assert await networks.publish("c1", [PortRequest(ContainerPort(80, "tcp"))]) == []
        assert ("program", "80/tcp") in room.drivers.calls
        await networks.begin("c1")
        await networks.release("c1")
        assert room.links.returned == ["plug0"]
        assert room.drivers.calls[-3:] == [("revoke",), ("leave",), ("delete_endpoint",)]
        assert networks.uses("plug")
        await networks.remove(network.id)
        assert not networks.uses("plug")
    assert clean(room)


async def test_plugin_that_is_not_there_is_told_by_name(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        with pytest.raises(NotFound, match='plugin "weave" not found'):
            await woven(networks, driver="weave")
        with pytest.raises(NotFound, match='plugin "dhcp" not found'):
            await woven(networks, ipam="dhcp")
        assert networks.list({"name": ["woven"]}) == []
    assert clean(room)


@pytest.mark.parametrize("call", ["create_network", "request_pool", "request_address"])
async def test_failed_creation_leaves_nothing(autojump_clock: MockClock, call: str) -> None:
    room = Room()
    room.drivers.failures[call] = room.ipams.failures[call] = SystemFailure("no more")
    async with running(room) as networks:
        with pytest.raises(SystemFailure, match="no more"):
            await woven(networks)
        room.drivers.failures.clear()
        room.ipams.failures.clear()
        await woven(networks)
        await networks.remove("woven")
    assert clean(room)


@pytest.mark.parametrize("call", ["create_endpoint", "join", "request_address"])
async def test_failed_endpoint_leaves_nothing_and_says_whose(
    autojump_clock: MockClock, call: str
) -> None:
    room = Room()
    async with running(room) as networks:
        await woven(networks)
        room.drivers.failures[call] = room.ipams.failures[call] = SystemFailure("no more")
        words = "failed to create endpoint web on network woven: no more"
        with pytest.raises(SystemFailure, match=words):
            await networks.prepare("c1", plan("web", "woven"))
        room.drivers.failures.clear()
        room.ipams.failures.clear()
        await networks.prepare("c0", plan("web", "none"))
        await networks.release("c0")
        sandbox = await networks.prepare("c1", plan("web", "woven"))
        assert sandbox.endpoints[0].ip == "10.9.0.2"
        await networks.release("c1")
        await networks.remove("woven")
    assert clean(room)


async def test_driver_may_choose_what_nobody_gave(autojump_clock: MockClock) -> None:
    room = Room()
    chosen = Interface(address="10.4.0.4/16", address6="fd04::4/64", mac="02:00:00:00:00:04")
    room.drivers.chosen = chosen
    async with running(room) as networks:
        await woven(networks, ipam="null")
        (endpoint,) = (await networks.prepare("c1", plan("web", "woven"))).endpoints
        assert (endpoint.ip, endpoint.prefix, endpoint.ip6, endpoint.prefix6, endpoint.mac) == (
            "10.4.0.4", 16, "fd04::4", 64, "02:00:00:00:00:04",
        )  # fmt: skip
        assert room.ipams.calls == []


async def test_driver_may_not_change_what_was_given(autojump_clock: MockClock) -> None:
    room = Room()
    room.drivers.chosen = Interface(address="10.4.0.4/16")
    async with running(room) as networks:
        await woven(networks)
        with pytest.raises(SystemFailure, match=r"it changes 10.9.0.2 to 10.4.0.4/16"):
            await networks.prepare("c1", plan("web", "woven"))


async def test_driver_without_an_interface_may_tell_of_its_mac(autojump_clock: MockClock) -> None:
    room = Room()
    room.drivers.joined, room.drivers.told_mac = Joined(), "02:00:00:00:00:09"
    async with running(room) as networks:
        await woven(networks)
        (endpoint,) = (await networks.prepare("c1", plan("web", "woven"))).endpoints
        assert (endpoint.interface, endpoint.mac) == ("", "02:00:00:00:00:09")
        await networks.release("c1")
    assert room.links.returned == []


async def test_two_networks_have_an_interface_each_and_one_default_route(
    autojump_clock: MockClock,
) -> None:
    room = Room()
    async with running(room) as networks:
        await woven(networks)
        wishes = {"bridge": EndpointWish(), "woven": EndpointWish(priority=1)}
        sandbox = await networks.prepare("c1", EndpointPlan(container_name="web", wishes=wishes))
        assert [each.interface for each in sandbox.endpoints] == ["eth0", "eth1"]
        assert room.links.gateways[sandbox.key] == ("eth1", "10.9.0.1", "")
        assert room.links.spaces[sandbox.key][0].gateway is None
        await networks.disconnect("c1", sandbox.endpoints[1].network_id)
        assert room.links.gateways[sandbox.key] == ("eth0", "172.17.0.1", "")
        assert not room.drivers.endpoints
        wish = EndpointWish(priority=1)
        sandbox = await networks.connect("c1", "woven", wish)
        assert room.links.gateways[sandbox.key] == ("eth1", "10.9.0.1", "")


async def test_dead_plugin_keeps_its_network_and_nobodys_end(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        await woven(networks)
        await networks.prepare("c1", plan("web", "woven"))
        await networks.begin("c1")
        dead = ("leave", "delete_endpoint", "delete_network", "release_address", "release_pool")
        room.drivers.failures = room.ipams.failures = dict.fromkeys(dead, DEAD)
        await networks.release("c1")
        assert room.links.returned == ["plug0"]
        with pytest.raises(Unavailable, match='plugin "plug"'):
            await networks.remove("woven")
        assert networks.find("woven")
        room.drivers.failures = room.ipams.failures = {}
        await networks.remove("woven")
    assert clean(room)


async def test_next_daemon_takes_up_what_is_used_and_gives_back_the_rest(
    autojump_clock: MockClock,
) -> None:
    room = Room()
    room.ipams.wanted = IpamNeeds(replay=True)
    async with running(room) as networks:
        await woven(networks)
        kept = await networks.prepare("c1", plan("kept", "woven"))
        await networks.prepare("c2", plan("lost", "woven"))
    assert len(room.drivers.endpoints) == 2
    later = room.daemon()
    before = len(room.ipams.calls)
    async with serving(later):
        saved = SavedEndpoint(container_id="c1", container_name="kept", sandbox=kept)
        await later.restore([saved])
        await trio.sleep(2)
        assert room.drivers.endpoints == {kept.endpoints[0].endpoint_id}
        assert ("request_address", "10.9.0.2") in room.ipams.calls[before:]
        await later.release("c1")
        await later.remove("woven")
    assert not room.drivers.endpoints
    assert not room.drivers.networks


async def test_prepared_container_does_not_keep_its_network(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        await woven(networks)
        await networks.prepare("c1", plan("web", "woven"))
        await networks.remove("woven")
        assert not await networks.begin("c1")
    assert clean(room)


async def test_plugin_networks_with_our_addresses_do_not_share_them(
    autojump_clock: MockClock,
) -> None:
    room = Room()
    async with running(room) as networks:
        first = await woven(networks, ipam="default")
        second = await woven(networks, ipam="default", name="other")
        assert first.subnet != second.subnet
        config = IPAM(config=[IPAMConfig(subnet=first.subnet)])
        with pytest.raises(Exception, match="Pool overlaps"):
            await networks.create(NetworkCreateRequest(name="third", driver="plug", ipam=config))
    assert networks.drivers()[-1] == "plug"


def test_options_of_an_endpoint_name_its_ports() -> None:
    assert endpoint_options(["53/udp"], {"a": "b"}) == {
        "a": "b",
        "com.docker.network.endpoint.exposedports": [{"Proto": 17, "Port": 53}],
    }
