from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from trio.testing import MockClock

from engine.domain.networks.facade import NetworkSettings, PortRequest, parse_ports, port_map
from engine.domain.networks.ports import PortForward
from engine.errors import NotFound, NotImplementedHere, SystemFailure
from engine.models.networks import NetworkCreateRequest, PortBinding
from tests.engine.domain.networks.rooms import Room, plan, running


def wish(host_ip: str = "", host_port: str = "8080", port: str = "80/tcp") -> list[PortRequest]:
    return parse_ports((), {port: [PortBinding(host_ip=host_ip, host_port=host_port)]})


async def test_port_without_host_ip_is_published_in_both_families(
    autojump_clock: MockClock,
) -> None:
    room = Room()
    async with running(room) as networks:
        await networks.prepare("a", plan("a"))
        ports = await networks.publish("a", wish())
        assert [(p.host_ip, p.host_port) for p in ports] == [("0.0.0.0", 8080), ("::", 8080)]
        assert room.firewall.loaded is not None
        assert room.firewall.loaded.forwards == {
            PortForward("tcp", None, 8080, IPv4Address("172.17.0.2"), 80)
        }
        assert room.host.bound == {("tcp", "0.0.0.0", 8080), ("tcp", "::", 8080)}
        await networks.unpublish("a")
        await networks.unpublish("a")
        assert room.firewall.loaded.forwards == set()
        assert room.host.bound == set()


async def test_host_ip_is_exact(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        await networks.prepare("a", plan("a"))
        await networks.publish("a", wish("127.0.0.1"))
        assert room.firewall.loaded is not None
        (forward,) = room.firewall.loaded.forwards
        assert forward.host_ip == IPv4Address("127.0.0.1")


async def test_default_ip_stands_in_for_no_host_ip(autojump_clock: MockClock) -> None:
    room = Room(settings=NetworkSettings(engine_id="e1", default_ip="127.0.0.1"))
    async with running(room) as networks:
        await networks.prepare("a", plan("a"))
        assert [p.host_ip for p in await networks.publish("a", wish())] == ["127.0.0.1"]


async def test_taken_port_names_the_endpoint_and_leaves_nothing(
    autojump_clock: MockClock,
) -> None:
    room = Room()
    async with running(room) as networks:
        await networks.prepare("a", plan("a"))
        await networks.publish("a", wish())
        sandbox = await networks.prepare("b", plan("b"))
        with pytest.raises(SystemFailure) as refused:
            await networks.publish("b", [*wish(host_port="9090"), *wish()])
        assert str(refused.value) == (
            "driver failed programming external connectivity on endpoint b "
            f"({sandbox.endpoints[0].endpoint_id}): "
            "Bind for 0.0.0.0:8080 failed: port is already allocated"
        )
        assert {port for _, _, port in room.host.bound} == {8080}
        # On the moment of release the port is another's to take.
        await networks.release("a")
        await networks.publish("b", wish())


async def test_refused_transaction_gives_the_ports_back(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        await networks.prepare("a", plan("a"))
        room.firewall.failure = SystemFailure("nft: no")
        with pytest.raises(SystemFailure, match="nft: no"):
            await networks.publish("a", wish())
        assert room.host.bound == set()
        assert networks.published("a") == []


async def test_udp_flows_are_forgotten_when_a_port_comes_and_goes(
    autojump_clock: MockClock,
) -> None:
    room = Room()
    async with running(room) as networks:
        await networks.prepare("a", plan("a"))
        await networks.publish("a", wish(port="53/udp"))
        assert len(room.links.forgotten) == 1
        await networks.release("a")
        assert len(room.links.forgotten) == 2


@pytest.mark.parametrize("mode", ["none", "host", "container:a"])
async def test_modes_without_an_address_publish_nothing(
    mode: str, autojump_clock: MockClock
) -> None:
    room = Room()
    async with running(room) as networks:
        await networks.prepare("a", plan("a"))
        await networks.prepare("b", plan("b", mode))
        assert await networks.publish("b", wish()) == []
        assert room.host.bound == set()


async def test_ipv6_address_is_refused_rather_than_shown_and_dead(
    autojump_clock: MockClock,
) -> None:
    async with running(Room()) as networks:
        await networks.prepare("a", plan("a"))
        with pytest.raises(NotImplementedHere, match="cannot publish on ::1"):
            await networks.publish("a", wish("::1"))


async def test_unprepared_container_is_not_found(autojump_clock: MockClock) -> None:
    async with running(Room()) as networks:
        with pytest.raises(NotFound):
            await networks.publish("a", wish())


async def test_without_iptables_no_rule_is_loaded(autojump_clock: MockClock) -> None:
    room = Room(settings=NetworkSettings(engine_id="e1", iptables=False))
    async with running(room) as networks:
        await networks.prepare("a", plan("a"))
        assert len(await networks.publish("a", wish())) == 2
        assert room.firewall.loaded is None


async def test_routed_network_takes_no_port_of_the_host_and_opens_the_containers(
    autojump_clock: MockClock,
) -> None:
    room = Room()
    options = {"com.docker.network.bridge.gateway_mode_ipv4": "routed"}
    async with running(room) as networks:
        await networks.create(NetworkCreateRequest(name="routed", options=options))
        await networks.prepare("a", plan("a", "routed"))
        ports = await networks.publish("a", wish())
        assert [(p.host_ip, p.host_port) for p in ports] == [("0.0.0.0", 0)]
        assert port_map(ports) == {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": ""}]}
        assert room.host.bound == set()
        assert room.firewall.loaded is not None
        (opened,) = room.firewall.loaded.forwards
        assert opened == PortForward("tcp", None, 0, IPv4Address("172.18.0.2"), 80)
        report = await networks.firewall()
        assert report["wanted"] == ["tcp open 172.18.0.2:80"]
        await networks.unpublish("a")
        assert room.firewall.loaded.forwards == set()
