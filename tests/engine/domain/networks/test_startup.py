from __future__ import annotations

from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)

import pytest
from trio.testing import MockClock

from engine.domain.networks.facade import (
    NetworkSettings,
    PublishedPort,
    Sandbox,
    SavedEndpoint,
    parse_ports,
)
from engine.errors import SystemFailure
from engine.models.networks import PortBinding
from tests.engine.domain.networks.rooms import Room, plan, running, serving


def saved(container: str, sandbox: Sandbox, ports: list[PublishedPort]) -> SavedEndpoint:
    return SavedEndpoint(
        container_id=container, container_name=container, sandbox=sandbox, ports=ports
    )


async def test_predefined_networks_keep_their_ids(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        first = {n["Name"]: n["Id"] for n in networks.list()}
    assert set(first) == {"bridge", "host", "none"}
    room.networks = room.daemon()
    async with running(room) as networks:
        assert {n["Name"]: n["Id"] for n in networks.list()} == first


async def test_bridge_avoids_the_hosts_routes_and_follows_its_uplink(
    autojump_clock: MockClock,
) -> None:
    room = Room()
    room.links.routes = (IPv4Network("172.17.0.0/16"),)
    async with running(room):
        (spec,) = room.links.bridges
    assert (str(spec.address), spec.mtu, spec.alias) == ("172.18.0.1/16", 1460, "trimaran:e1")


async def test_daemon_starts_where_no_subnet_is_left_and_says_what_to_do(
    autojump_clock: MockClock,
) -> None:
    room = Room()
    async with running(room) as networks:
        first = networks.find("bridge")
    everything = (IPv4Network("172.16.0.0/12"), IPv4Network("192.168.0.0/16"))
    room.links.routes = everything
    room.links.bridges.clear()
    room.networks = room.daemon()
    async with running(room) as networks:
        assert room.links.bridges == []
        assert networks.find("bridge").id == first.id
        with pytest.raises(SystemFailure, match="add ranges to default-address-pools"):
            await networks.prepare("c1", plan("c1"))
        await networks.prepare("c2", plan("c2", "none"))
    # Once there is room again it has its subnet back.
    room.links.routes = ()
    room.networks = room.daemon()
    async with running(room) as networks:
        assert networks.find("bridge") == first


async def test_configured_mtu_and_bip_are_taken(autojump_clock: MockClock) -> None:
    settings = NetworkSettings(engine_id="e1", bip=IPv4Interface("10.1.0.1/24"), mtu=9000)
    room = Room(settings=settings)
    async with running(room):
        (spec,) = room.links.bridges
    assert (str(spec.address), spec.mtu) == ("10.1.0.1/24", 9000)


async def test_restart_takes_up_endpoints_ports_and_rules(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        kept = await networks.prepare("kept", plan("kept"))
        ports = await networks.publish("kept", parse_ports(["80"], {}, publish_all=True))
        await networks.prepare("stale", plan("stale"))
    loads, room.host.bound = room.firewall.loads, set()
    room.links.stale = [kept.endpoints[0].host_interface, "vethstale00"]
    again = room.daemon()
    async with serving(again):
        assert await again.restore([saved("kept", kept, ports)]) == frozenset()
        # Nothing was wrong, so nothing was loaded; what belongs to nobody is gone.
        assert room.firewall.loads == loads
        assert list(room.links.spaces) == [kept.key]
        assert room.links.stale == [kept.endpoints[0].host_interface]
        assert room.host.bound == {("tcp", "0.0.0.0", 32768), ("tcp", "::", 32768)}
        # What is taken stays taken.
        assert (await again.prepare("new", plan("new"))).endpoints[0].ip == "172.17.0.3"
        with pytest.raises(SystemFailure, match="already allocated"):
            await again.publish(
                "new", parse_ports((), {"80": [PortBinding(host_ip="", host_port="32768")]})
            )
        await again.release("kept")
        assert room.host.bound == set()


async def test_namespace_lost_in_a_reboot_is_told_and_forgotten(
    autojump_clock: MockClock,
) -> None:
    room = Room()
    async with running(room) as networks:
        lost = await networks.prepare("a", plan("a"))
        host = await networks.prepare("b", plan("b", "host"))
    room.links.spaces.clear()
    again = room.daemon()
    async with serving(again):
        found = await again.restore([saved("a", lost, []), saved("b", host, [])])
        assert found == {"a"}
        assert (await again.prepare("a", plan("a"))).endpoints[0].ip == "172.17.0.2"


async def test_subnet_stays_while_containers_live_on_it(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room):
        pass
    room.links.bridge_address = IPv4Interface("172.17.0.1/16")
    room.links.bridge_alias = "trimaran:e1"
    room.links.bridge_ports = 1
    room.settings = NetworkSettings(engine_id="e1", bip=IPv4Interface("10.1.0.1/24"))
    room.networks = room.daemon()
    async with running(room) as networks:
        assert networks.inspect("bridge")["IPAM"]["Config"][0]["Gateway"] == "172.17.0.1"


async def test_forwarding_is_left_alone_when_told_so(autojump_clock: MockClock) -> None:
    room = Room(settings=NetworkSettings(engine_id="e1", ip_forward=False))
    async with running(room):
        assert room.firewall.loaded is not None
        assert room.firewall.loaded.closed_links == ()


async def test_containers_of_the_default_bridge_get_the_range_and_the_gateway_configured(
    autojump_clock: MockClock,
) -> None:
    settings = NetworkSettings(
        engine_id="e1",
        bip=IPv4Interface("10.1.0.1/24"),
        fixed_cidr=IPv4Network("10.1.0.128/25"),
        default_gateway=IPv4Address("10.1.0.129"),
        bip6=IPv6Interface("fd00:1::1/64"),
        fixed_cidr_v6=IPv6Network("fd00:1::80/121"),
        default_gateway6=IPv6Address("fd00:1::2"),
    )
    async with running(Room(settings=settings)) as networks:
        (endpoint,) = (await networks.prepare("web", plan("web"))).endpoints
        shown = networks.list({"name": ["bridge"]})[0]["IPAM"]["Config"]
    assert (endpoint.ip, endpoint.prefix, endpoint.gateway) == ("10.1.0.128", 24, "10.1.0.129")
    assert (endpoint.ip6, endpoint.gateway6) == ("fd00:1::80", "fd00:1::2")
    assert shown[0] == {
        "Subnet": "10.1.0.0/24",
        "IPRange": "10.1.0.128/25",
        "Gateway": "10.1.0.1",
        "AuxiliaryAddresses": {"DefaultGatewayIPv4": "10.1.0.129"},
    }
