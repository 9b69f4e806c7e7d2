"""The networks room on real netlink and nftables: who reaches whom, and what a restart keeps."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import trio

from engine.domain.networks.facade import (
    EndpointPlan,
    Networks,
    PublishedPort,
    Sandbox,
    SavedEndpoint,
    parse_ports,
)
from engine.errors import Conflict, SystemFailure
from engine.models.networks import PortBinding
from tests.integration.network_lab import (
    HOST,
    NEIGHBOUR,
    Lab,
    in_lab,
    lab,
    run,
    running,
    setting,
)

pytestmark = pytest.mark.integration


@contextlib.asynccontextmanager
async def running_room(here: Lab, **settings: object) -> AsyncIterator[Networks]:
    networks = here.networks(**settings)
    async with running(networks):
        await networks.restore([])
        yield networks


@dataclass
class Container:
    """A prepared sandbox with a server on tcp and udp 80, and one on 81 that isn't published."""

    id: str
    sandbox: Sandbox
    ports: list[PublishedPort]

    @property
    def ip(self) -> str:
        return self.sandbox.endpoints[0].ip

    @property
    def path(self) -> str:
        assert self.sandbox.netns_path is not None
        return self.sandbox.netns_path

    def saved(self) -> SavedEndpoint:
        return SavedEndpoint(
            container_id=self.id, container_name=self.id, sandbox=self.sandbox, ports=self.ports
        )


async def start(here: Lab, networks: Networks, name: str, *publish: str) -> Container:
    """`publish` is `host_ip:host_port:port/proto`."""
    sandbox = await networks.prepare(name, EndpointPlan(container_name=name))
    bindings: dict[str, list[PortBinding]] = {}
    for wish in publish:
        host_ip, host_port, port = wish.split(":")
        bindings.setdefault(port, []).append(PortBinding(host_ip=host_ip, host_port=host_port))
    ports = await networks.publish(name, parse_ports((), bindings))
    container = Container(name, sandbox, ports)
    for proto, port_number in (("tcp", 80), ("udp", 80), ("tcp", 81)):
        here.serve(container.path, proto, port_number)
    return container


@pytest.mark.parametrize("bridge_nf", ["0", "1"])
@in_lab
async def test_published_port_is_reached_from_everywhere(bridge_nf: str) -> None:
    async with lab() as here, running_room(here) as networks:
        setting("bridge/bridge-nf-call-iptables", bridge_nf)
        one = await start(here, networks, "one", ":8080:80/tcp", ":8080:80/udp")
        two = await start(here, networks, "two")
        for proto in ("tcp", "udp"):
            assert await here.ask(None, proto, "127.0.0.1", 8080) == "seen 172.31.0.1"
            assert (await here.ask(None, proto, HOST, 8080)).startswith("seen ")
            # The neighbour's address is seen, not the gateway's.
            assert await here.ask(here.neighbour, proto, HOST, 8080) == f"seen {NEIGHBOUR}"
            for container in (one, two):
                for address in (HOST, "172.31.0.1"):
                    assert await here.ask(container.path, proto, address, 8080) == "seen 172.31.0.1"
        # Neighbours on the bridge see each other as they are.
        assert await here.ask(two.path, "tcp", one.ip, 81) == f"seen {two.ip}"


@pytest.mark.parametrize("bridge_nf", ["0", "1"])
@in_lab
async def test_container_reaches_outside_under_the_hosts_address(bridge_nf: str) -> None:
    async with lab() as here, running_room(here) as networks:
        setting("bridge/bridge-nf-call-iptables", bridge_nf)
        one = await start(here, networks, "one")
        here.serve(here.neighbour, "tcp", 9000)
        assert await here.ask(one.path, "tcp", NEIGHBOUR, 9000) == f"seen {HOST}"


@in_lab
async def test_without_masquerade_the_containers_address_is_seen() -> None:
    async with lab() as here, running_room(here, ip_masq=False) as networks:
        one = await start(here, networks, "one")
        here.serve(here.neighbour, "tcp", 9000)
        run(
            "nsenter", f"--net={here.neighbour}", "ip", "route", "add", "172.31.0.0/24", "via", HOST
        )
        assert await here.ask(one.path, "tcp", NEIGHBOUR, 9000) == f"seen {one.ip}"


@in_lab
async def test_unpublished_port_is_closed_to_a_neighbour_who_knows_the_route() -> None:
    async with lab() as here, running_room(here) as networks:
        one = await start(here, networks, "one", "127.0.0.1:8080:80/tcp")
        run(
            "nsenter", f"--net={here.neighbour}", "ip", "route", "add", "172.31.0.0/24", "via", HOST
        )
        for port in (80, 81):
            assert (await here.ask(here.neighbour, "tcp", one.ip, port)).startswith("failed")
        # Published on loopback only: not on the host's other addresses.
        assert await here.ask(None, "tcp", "127.0.0.1", 8080) == "seen 172.31.0.1"
        assert (await here.ask(here.neighbour, "tcp", HOST, 8080)).startswith("failed")
        assert (await here.ask(None, "tcp", HOST, 8080)).startswith("failed")
        # The host itself may.
        assert await here.ask(None, "tcp", one.ip, 81) == "seen 172.31.0.1"


@in_lab
async def test_host_is_no_router_between_its_own_links() -> None:
    async with lab() as here, running_room(here) as networks:
        await start(here, networks, "one")
        run("ip", "addr", "add", "198.51.100.1/24", "dev", "up0")
        run(
            "nsenter",
            f"--net={here.neighbour}",
            "ip",
            "addr",
            "add",
            "198.51.100.2/24",
            "dev",
            "up1",
        )
        rules = run("nft", "list", "chain", "inet", "trimaran-lab1", "forward")
        assert 'iifname "up0" oifname "up0" drop' in rules
        assert run("sysctl", "-n", "net.ipv4.ip_forward") == "1\n"


@in_lab
async def test_crafted_frame_does_not_reach_the_hosts_loopback() -> None:
    async with lab() as here, running_room(here) as networks:
        one = await start(here, networks, "one")
        mac = json.loads(run("ip", "-j", "link", "show", "trimaran0"))[0]["address"]
        with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as victim:
            await victim.bind(("127.0.0.1", 5353))
            await here.peer(one.path, "craft", "eth0", mac, one.ip, "5353")
            with trio.move_on_after(0.3):
                raise AssertionError(f"reached: {await victim.recv(100)!r}")
            # The frame was right: without the rule it arrives.
            run("nft", "flush", "chain", "inet", "trimaran-lab1", "raw")
            await here.peer(one.path, "craft", "eth0", mac, one.ip, "5353")
            with trio.fail_after(2):
                assert await victim.recv(100) == b"evil"


@pytest.mark.parametrize("bridge_nf", ["0", "1"])
@in_lab
async def test_icc_false_parts_neighbours_but_not_published_ports(bridge_nf: str) -> None:
    async with lab() as here, running_room(here, icc=False) as networks:
        setting("bridge/bridge-nf-call-iptables", bridge_nf)
        one = await start(here, networks, "one", ":8080:80/tcp")
        two = await start(here, networks, "two")
        assert (await here.ask(two.path, "tcp", one.ip, 80)).startswith("failed")
        assert await here.ask(two.path, "tcp", HOST, 8080) == "seen 172.31.0.1"
        assert await here.ask(None, "tcp", one.ip, 80) == "seen 172.31.0.1"


@in_lab
async def test_foreign_forward_drop_lets_our_traffic_pass() -> None:
    async with lab() as here:
        run("iptables", "-P", "FORWARD", "DROP")
        run("iptables", "-A", "FORWARD", "-i", "foreign0", "-j", "ACCEPT")
        async with running_room(here) as networks:
            one = await start(here, networks, "one", ":8080:80/tcp")
            here.serve(here.neighbour, "tcp", 9000)
            assert await here.ask(one.path, "tcp", NEIGHBOUR, 9000) == f"seen {HOST}"
            assert await here.ask(here.neighbour, "tcp", HOST, 8080) == f"seen {NEIGHBOUR}"
            # What we don't publish stays closed, though the exemption accepts it.
            run(
                "nsenter",
                f"--net={here.neighbour}",
                *["ip", "route", "add", "172.31.0.0/24", "via"],
                HOST,
            )
            assert (await here.ask(here.neighbour, "tcp", one.ip, 81)).startswith("failed")
            listed = run("iptables", "-S", "FORWARD")
            assert '-o trimaran0 -m comment --comment "trimaran:lab1" -j ACCEPT' in listed
            assert "-A FORWARD -i foreign0 -j ACCEPT" in listed
            # Whoever stops dropping gets his chain back.
            run("iptables", "-P", "FORWARD", "ACCEPT")
            await networks.repair_firewall()
            assert "trimaran" not in run("iptables", "-S", "FORWARD")


@in_lab
async def test_flushed_rules_come_back_by_themselves() -> None:
    async with lab() as here, running_room(here) as networks:
        await start(here, networks, "one", ":8080:80/tcp")
        run("nft", "flush", "ruleset")
        await here.until(lambda: bool(here.events))
        assert here.events == ["firewall-repaired"]
        assert await here.ask(here.neighbour, "tcp", HOST, 8080) == f"seen {NEIGHBOUR}"
        assert (await networks.firewall())["whole"]


@in_lab
async def test_restart_of_the_daemon_touches_nothing_that_is_right() -> None:
    async with lab() as here:
        async with running_room(here) as networks:
            one = await start(here, networks, "one", ":8080:80/tcp")
            gone = await start(here, networks, "gone", ":8081:80/tcp")
        before = run("nft", "-a", "list", "table", "inet", "trimaran-lab1")
        links = run("ip", "-o", "link", "show", "master", "trimaran0")
        again = here.networks()
        async with running(again):
            # The first daemon died with its sockets.
            networks._host_ports.close()
            assert await again.restore([one.saved()]) == frozenset()
            assert await here.ask(here.neighbour, "tcp", HOST, 8080) == f"seen {NEIGHBOUR}"
            assert (await here.ask(here.neighbour, "tcp", HOST, 8081)).startswith("failed")
            assert not await trio.Path(gone.path).exists()
            after = run("nft", "-a", "list", "table", "inet", "trimaran-lab1")
            # The same rules and handles; only the element of the one who is gone has left.
            assert after == before.replace(
                "{ tcp . 8080 : 172.31.0.2 . 80,\n\t\t\t     tcp . 8081 : 172.31.0.3 . 80 }",
                "{ tcp . 8080 : 172.31.0.2 . 80 }",
            ).replace(
                "{ tcp . 8081 : 172.31.0.3 . 80,\n\t\t\t     tcp . 8080 : 172.31.0.2 . 80 }",
                "{ tcp . 8080 : 172.31.0.2 . 80 }",
            )
            assert one.sandbox.endpoints[0].host_interface in links
            with pytest.raises(SystemFailure, match="already allocated"):
                await start(here, again, "two", ":8080:80/tcp")


@in_lab
async def test_withdrawn_udp_port_forgets_its_flows() -> None:
    async with lab() as here, running_room(here) as networks:
        await start(here, networks, "one", ":5000:80/udp")
        ask = (here.neighbour, "udp", HOST, 5000, 40000)
        assert await here.ask(*ask) == f"seen {NEIGHBOUR}"
        await networks.unpublish("one")
        assert (await here.ask(*ask)).startswith("failed")
        two = await start(here, networks, "two", ":5000:80/udp")
        assert await here.ask(*ask) == f"seen {NEIGHBOUR}"
        assert two.ip == "172.31.0.3"


@in_lab
async def test_same_udp_port_of_a_far_host_is_another_flow() -> None:
    async with lab() as here, running_room(here) as networks:
        one = await start(here, networks, "one")
        here.serve(here.neighbour, "udp", 5000)
        assert await here.ask(one.path, "udp", NEIGHBOUR, 5000) == f"seen {HOST}"
        await start(here, networks, "two", ":5000:80/udp")
        await networks.release("two")
        assert f"src={one.ip} dst={NEIGHBOUR}" in run("conntrack", "-L", "-p", "udp")


@in_lab
async def test_port_in_use_on_the_host_refuses_and_leaves_nothing_taken() -> None:
    async with lab() as here, running_room(here) as networks:
        here.serve(None, "tcp", 8090)
        with pytest.raises(SystemFailure, match=r"endpoint one .* address already in use"):
            await start(here, networks, "one", ":8089:80/tcp", ":8090:80/tcp")
        assert networks.published("one") == []
        await networks.release("one")
        two = await start(here, networks, "two", ":8089:80/tcp")
        assert [p.host_port for p in two.ports] == [8089, 8089]
        # A server of the host's finds the port taken.
        with pytest.raises(AssertionError):
            here.serve(None, "tcp", 8089)


@in_lab
async def test_release_leaves_no_namespace_link_or_port() -> None:
    async with lab() as here, running_room(here) as networks:
        one = await networks.prepare("one", EndpointPlan(container_name="one"))
        await networks.publish("one", parse_ports(["80"], {}, publish_all=True))
        assert one.netns_path is not None
        await networks.release("one")
        await networks.release("one")
        assert not await trio.Path(one.netns_path).exists()
        await here.until(lambda: run("ip", "-o", "link", "show", "master", "trimaran0") == "")
        assert "172.31" not in run("nft", "list", "map", "inet", "trimaran-lab1", "any4")
        again = await networks.prepare("two", EndpointPlan(container_name="two"))
        assert again.endpoints[0].ip == one.endpoints[0].ip


@in_lab
async def test_modes_none_host_and_container() -> None:
    async with lab() as here, running_room(here) as networks:
        alone = await networks.prepare("a", EndpointPlan(container_name="a", mode="none"))
        assert "eth0" not in run("nsenter", f"--net={alone.netns_path}", "ip", "link")
        host = await networks.prepare("b", EndpointPlan(container_name="b", mode="host"))
        assert host.netns_path is None
        one = await start(here, networks, "one")
        joined = await networks.prepare("c", EndpointPlan(container_name="c", mode="container:one"))
        assert (joined.netns_path, joined.endpoints) == (one.path, [])
        await networks.release("c")
        assert await here.ask(None, "tcp", one.ip, 80) == "seen 172.31.0.1"
        with pytest.raises(Conflict, match="non running container: gone"):
            await networks.prepare("d", EndpointPlan(container_name="d", mode="container:gone"))


@in_lab
async def test_default_subnet_avoids_what_the_host_routes() -> None:
    async with lab() as here:
        run("ip", "route", "add", "172.17.5.0/24", "via", NEIGHBOUR)
        async with running_room(here, bip=None) as networks:
            one = await start(here, networks, "one")
            assert one.ip == "172.18.0.2"
            config = networks.inspect("bridge")["IPAM"]["Config"]
            assert config == [{"Subnet": "172.18.0.0/16", "Gateway": "172.18.0.1"}]


@in_lab
async def test_bridge_of_someone_else_is_used_as_it_is() -> None:
    async with lab() as here:
        run("ip", "link", "add", "br0", "type", "bridge")
        run("ip", "addr", "add", "10.9.0.1/24", "dev", "br0")
        run("ip", "link", "set", "br0", "up")
        before = run("ip", "-o", "addr", "show", "br0")
        async with running_room(here, bridge="br0", bip=None) as networks:
            one = await start(here, networks, "one", ":8080:80/tcp")
            assert one.ip == "10.9.0.2"
            assert await here.ask(here.neighbour, "tcp", HOST, 8080) == f"seen {NEIGHBOUR}"
            assert run("ip", "-o", "addr", "show", "br0").split()[:4] == before.split()[:4]
