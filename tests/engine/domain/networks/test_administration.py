from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from engine.domain.networks.facade import EndpointPlan
from engine.domain.networks.pools import Pool
from engine.domain.networks.settings import NetworkSettings
from engine.errors import Conflict, EngineError, Forbidden, NotFound, SystemFailure
from engine.models.networks import IPAM, ConfigReference, IPAMConfig, NetworkCreateRequest
from tests.engine.domain.networks.rooms import Room, plan, running, serving


def request(name: str, *subnets: str, **rest: Any) -> NetworkCreateRequest:
    ipam = IPAM(config=[IPAMConfig(subnet=subnet) for subnet in subnets])
    return NetworkCreateRequest(name=name, ipam=ipam, **rest)


async def test_network_is_a_link_rules_and_a_record_with_its_event(
    autojump_clock: MockClock,
) -> None:
    room = Room()
    async with running(room) as networks:
        record = await networks.create(request("front"))
        assert record.subnet == "172.18.0.0/16"
        assert [bridge.name for bridge in room.links.bridges] == ["trimaran0", record.bridge]
        assert room.firewall.loaded is not None
        assert [b.bridge for b in room.firewall.loaded.bridges] == ["trimaran0", record.bridge]
    assert room.store.events == ["create front"]
    assert room.store.records[record.id] == record


async def test_removed_network_leaves_nothing(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        record = await networks.create(request("front"))
        await networks.remove("front")
        assert room.links.removed == [record.bridge]
        assert room.firewall.loaded is not None
        assert [b.bridge for b in room.firewall.loaded.bridges] == ["trimaran0"]
        assert record.id not in room.store.records
        assert (await networks.create(request("front"))).subnet == record.subnet
    assert room.store.events == ["create front", "destroy front", "create front"]


@pytest.mark.parametrize(
    ("wrong", "kind", "text"),
    [
        (request("front"), Conflict, "network with name front already exists"),
        (request("x", "10.1.0.0/16"), Forbidden, "Pool overlaps with other one on this address"),
        (
            request("x", options={"com.docker.network.bridge.name": "trimaran0"}),
            Forbidden,
            "networks have same bridge name",
        ),
    ],
)
async def test_what_others_have_is_refused(
    wrong: NetworkCreateRequest, kind: type[EngineError], text: str, autojump_clock: MockClock
) -> None:
    async with running(Room()) as networks:
        await networks.create(request("front", "10.1.2.0/24"))
        with pytest.raises(kind, match=text):
            await networks.create(wrong)


async def test_two_at_once_have_different_names_and_subnets(autojump_clock: MockClock) -> None:
    outcomes: list[str] = []
    async with running(Room()) as networks:

        async def make(name: str) -> None:
            try:
                outcomes.append((await networks.create(request(name))).subnet)
            except Conflict:
                outcomes.append("taken")

        async with trio.open_nursery() as nursery:
            for name in ("a", "a", "b"):
                nursery.start_soon(make, name)
    assert sorted(outcomes) == ["172.18.0.0/16", "172.19.0.0/16", "taken"]


async def test_failure_leaves_nothing_behind(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        room.store.failure = SystemFailure("the disk is full")
        with pytest.raises(SystemFailure, match="disk is full"):
            await networks.create(request("front"))
        assert len(room.links.removed) == 1
        assert [each["Name"] for each in networks.list()] == ["bridge", "none", "host"]
        assert room.firewall.loaded is not None
        assert len(room.firewall.loaded.bridges) == 1
        room.store.failure = None
        assert (await networks.create(request("front"))).subnet == "172.18.0.0/16"


async def test_exhausted_pools_say_what_to_do_and_do_not_keep_the_daemon_down(
    autojump_clock: MockClock,
) -> None:
    pools = (Pool(IPv4Network("10.0.0.0/23"), 24),)
    room = Room(settings=NetworkSettings(engine_id="e1", pools=pools))
    async with running(room) as networks:
        await networks.create(request("last"))
        with pytest.raises(NotFound, match=r"non-overlapping IPv4 .* default-address-pools"):
            await networks.create(request("one-too-many"))
    again = room.daemon()
    async with serving(again):
        await again.restore([])
        assert again.find("last").subnet == "10.0.1.0/24"


async def test_ipv6_has_a_subnet_of_our_own_and_forwarding(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        record = await networks.create(request("six", enable_ipv6=True))
        assert record.subnet6.startswith("fd")
        assert record.gateway6 == record.subnet6.replace("/64", "1")
        assert room.links.forwards6
        sandbox = await networks.prepare("c", plan("c", "six"))
        assert sandbox.endpoints[0].ip6 == record.subnet6.replace("/64", "2")


async def test_running_containers_keep_their_network(autojump_clock: MockClock) -> None:
    async with running(Room()) as networks:
        record = await networks.create(request("front"))
        await networks.prepare("c1", plan("web", "front"))
        await networks.begin("c1")
        with pytest.raises(
            Forbidden,
            match=f"error while removing network: network front id {record.id} has active "
            'endpoints .name:"web"',
        ):
            await networks.remove("front")
        await networks.release("c1")
        await networks.remove(record.id[:12])


async def test_prepared_containers_do_not_keep_theirs(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        await networks.create(request("front"))
        await networks.prepare("c1", plan("web", "front"))
        await networks.remove("front")
        assert room.links.spaces == {}
        assert not await networks.begin("c1")
        with pytest.raises(NotFound, match="network front not found"):
            await networks.prepare("c1", plan("web", "front"))


async def test_predefined_and_unknown_networks_are_not_removed(autojump_clock: MockClock) -> None:
    async with running(Room()) as networks:
        with pytest.raises(Forbidden, match="bridge is a pre-defined network and cannot be"):
            await networks.remove("bridge")
        with pytest.raises(NotFound, match="network nope not found"):
            await networks.remove("nope")


async def test_prune_takes_what_nobody_uses(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        await networks.create(request("used"))
        await networks.create(request("kept", labels={"keep": "yes"}))
        await networks.create(request("idle"))
        await networks.prepare("c1", plan("web", "used"))
        await networks.begin("c1")
        assert await networks.prune({"label!": ["keep"]}) == ["idle"]
    assert room.store.events[-2:] == ["destroy idle", "prune"]


async def test_prunes_at_the_same_time_queue_instead_of_failing(
    autojump_clock: MockClock,
) -> None:
    room = Room()
    gone: list[list[str]] = []
    async with running(room) as networks:
        await networks.create(request("idle"))

        async def prune() -> None:
            gone.append(await networks.prune({}))

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(prune)
    assert sorted(gone) == [[], [], ["idle"]]
    assert room.store.events.count("destroy idle") == 1
    assert room.store.events[-3:] == ["prune"] * 3


async def test_configuration_network_is_none_and_stays_while_it_is_used(
    autojump_clock: MockClock,
) -> None:
    room = Room()
    async with running(room) as networks:
        await networks.create(request("conf", "10.7.0.0/24", config_only=True))
        assert len(room.links.bridges) == 1
        made = NetworkCreateRequest(name="real", config_from=ConfigReference(network="conf"))
        assert (await networks.create(made)).subnet == "10.7.0.0/24"
        with pytest.raises(Forbidden, match="'conf' is in use by 'real'"):
            await networks.remove("conf")
        with pytest.raises(Forbidden, match="configuration network 'conf'"):
            await networks.prepare("c", EndpointPlan(container_name="c", mode="conf"))


async def test_parent_that_another_network_uses_stays(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        bridge = {"com.docker.network.bridge.name": "below0"}
        await networks.create(request("below", options=bridge))
        for driver in ("macvlan", "ipvlan"):
            await networks.create(request(driver, driver=driver, options={"parent": "below0"}))
        again = request("again", driver="macvlan", options={"parent": "below0"})
        with pytest.raises(Forbidden, match=r"network dm-[0-9a-f]{12} is already using parent"):
            await networks.create(again)
        for name in ("macvlan", "ipvlan"):
            await networks.remove(name)
        assert room.links.removed == []
        await networks.remove("below")
        assert room.links.removed == ["below0"]
