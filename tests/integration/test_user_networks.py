"""User-defined networks on real netlink and nftables: who reaches whom, and what removal leaves."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import trio

from engine.domain.networks.facade import (
    EndpointPlan,
    EndpointWish,
    Networks,
    Sandbox,
    SavedEndpoint,
    parse_ports,
)
from engine.models.networks import IPAM, IPAMConfig, NetworkCreateRequest, PortBinding
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

HOST6, NEIGHBOUR6 = "2001:db8::1", "2001:db8::2"


@contextlib.asynccontextmanager
async def room(here: Lab, **settings: object) -> AsyncIterator[Networks]:
    networks = here.networks(**settings)
    async with running(networks):
        await networks.restore([])
        yield networks


@dataclass
class Container:
    sandbox: Sandbox
    path: str

    def ip(self, at: int = 0) -> str:
        return self.sandbox.endpoints[at].ip

    @property
    def ip6(self) -> str:
        return self.sandbox.endpoints[0].ip6


async def network(networks: Networks, name: str, *subnets: str, **rest: Any) -> None:
    ipam = IPAM(config=[IPAMConfig(subnet=subnet) for subnet in subnets])
    await networks.create(NetworkCreateRequest(name=name, ipam=ipam, **rest))


async def start(
    here: Lab, networks: Networks, name: str, *where: str, publish: str = ""
) -> Container:
    """A prepared sandbox with servers on tcp and udp 80; `publish` is a host port."""
    wishes = {each: EndpointWish() for each in where}
    plan = EndpointPlan(container_name=name, mode=where[0], wishes=wishes)
    sandbox = await networks.prepare(name, plan)
    await networks.begin(name)
    if publish:
        bindings = {
            f"80/{proto}": [PortBinding(host_ip="", host_port=publish)] for proto in ("tcp", "udp")
        }
        await networks.publish(name, parse_ports((), bindings))
    assert sandbox.netns_path is not None
    for proto in ("tcp", "udp"):
        here.serve(sandbox.netns_path, proto, 80)
    return Container(sandbox, sandbox.netns_path)


def give_ipv6(here: Lab) -> None:
    run("ip", "addr", "add", f"{HOST6}/64", "dev", "up0", "nodad")
    command = f"ip addr add {NEIGHBOUR6}/64 dev up1 nodad"
    run("nsenter", f"--net={here.neighbour}", *command.split())


async def closed(here: Lab, source: str | None, *address: Any) -> bool:
    return (await here.ask(source, *address)).startswith("failed")


@pytest.mark.parametrize("foreign", ["ACCEPT", "DROP"])
@pytest.mark.parametrize("bridge_nf", ["0", "1"])
@in_lab
async def test_networks_are_apart_and_neighbours_are_not(bridge_nf: str, foreign: str) -> None:
    async with lab() as here:
        run("iptables", "-P", "FORWARD", foreign)
        async with room(here) as networks:
            setting("bridge/bridge-nf-call-iptables", bridge_nf)
            await network(networks, "front", "10.81.0.0/24")
            await network(networks, "back", "10.82.0.0/24")
            web = await start(here, networks, "web", "front", publish="8080")
            app = await start(here, networks, "app", "front", "back")
            db = await start(here, networks, "db", "back")
            old = await start(here, networks, "old", "bridge")
            for proto in ("tcp", "udp"):
                assert await here.ask(app.path, proto, web.ip(), 80) == f"seen {app.ip()}"
                assert await here.ask(app.path, proto, db.ip(), 80) == f"seen {app.ip(1)}"
                assert await closed(here, web.path, proto, db.ip(), 80)
                assert await closed(here, db.path, proto, web.ip(), 80)
                assert await closed(here, old.path, proto, web.ip(), 80)
                assert await closed(here, web.path, proto, old.ip(), 80)
                # What is published is for everybody, under the address that it comes from.
                assert await here.ask(here.neighbour, proto, HOST, 8080) == f"seen {NEIGHBOUR}"
                assert await here.ask(db.path, proto, HOST, 8080) == "seen 10.81.0.1"
                assert await here.ask(web.path, proto, HOST, 8080) == "seen 10.81.0.1"
                assert await here.ask(None, proto, "127.0.0.1", 8080) == "seen 10.81.0.1"
            here.serve(here.neighbour, "tcp", 9000)
            assert await here.ask(db.path, "tcp", NEIGHBOUR, 9000) == f"seen {HOST}"


@pytest.mark.parametrize("bridge_nf", ["0", "1"])
@in_lab
async def test_internal_network_leads_nowhere_and_nobody_leads_in(bridge_nf: str) -> None:
    async with lab() as here, room(here) as networks:
        setting("bridge/bridge-nf-call-iptables", bridge_nf)
        await network(networks, "inner", "10.83.0.0/24", internal=True)
        one = await start(here, networks, "one", "inner")
        two = await start(here, networks, "two", "inner", publish="8080")
        here.serve(here.neighbour, "tcp", 9000)
        assert await here.ask(one.path, "tcp", two.ip(), 80) == f"seen {one.ip()}"
        assert await closed(here, one.path, "tcp", NEIGHBOUR, 9000)
        # Not even by a route of its own making.
        run("nsenter", f"--net={one.path}", "ip", "route", "add", "default", "via", "10.83.0.1")
        assert await closed(here, one.path, "tcp", NEIGHBOUR, 9000)
        route = ["ip", "route", "add", "10.83.0.0/24", "via", HOST]
        run("nsenter", f"--net={here.neighbour}", *route)
        assert await closed(here, here.neighbour, "tcp", one.ip(), 80)
        assert await closed(here, here.neighbour, "tcp", HOST, 8080)
        assert networks.published("two") == []


@pytest.mark.parametrize("bridge_nf", ["0", "1"])
@in_lab
async def test_icc_false_is_a_networks_own(bridge_nf: str) -> None:
    async with lab() as here, room(here) as networks:
        setting("bridge/bridge-nf-call-iptables", bridge_nf)
        option = {"com.docker.network.bridge.enable_icc": "false"}
        await network(networks, "strict", "10.84.0.0/24", options=option)
        one = await start(here, networks, "one", "strict", publish="8080")
        two = await start(here, networks, "two", "strict")
        assert await closed(here, two.path, "tcp", one.ip(), 80)
        assert await here.ask(two.path, "tcp", HOST, 8080) == "seen 10.84.0.1"


@pytest.mark.parametrize("bridge_nf", ["0", "1"])
@in_lab
async def test_ipv6_is_published_reached_and_apart(bridge_nf: str) -> None:
    async with lab() as here, room(here) as networks:
        setting("bridge/bridge-nf-call-ip6tables", bridge_nf)
        give_ipv6(here)
        await network(networks, "six", "10.85.0.0/24", "fd85::/64", enable_ipv6=True)
        await network(networks, "other", "10.86.0.0/24", "fd86::/64", enable_ipv6=True)
        one = await start(here, networks, "one", "six", publish="8080")
        two = await start(here, networks, "two", "six")
        far = await start(here, networks, "far", "other")
        here.serve(here.neighbour, "tcp", 9000)
        for proto in ("tcp", "udp"):
            assert await here.ask(two.path, proto, one.ip6, 80) == f"seen {two.ip6}"
            assert await here.ask(here.neighbour, proto, HOST6, 8080) == f"seen {NEIGHBOUR6}"
            assert await here.ask(here.neighbour, proto, HOST, 8080) == f"seen {NEIGHBOUR}"
            assert await here.ask(two.path, proto, HOST6, 8080) == "seen fd85::1"
            assert await here.ask(None, proto, HOST6, 8080) == f"seen {HOST6}"
            assert await closed(here, far.path, proto, one.ip6, 80)
        assert await here.ask(None, "tcp", "::1", 8080) == "seen fd85::1"
        assert await here.ask(two.path, "tcp", NEIGHBOUR6, 9000) == f"seen {HOST6}"
        route = ["ip", "-6", "route", "add", "fd85::/64", "via", HOST6]
        run("nsenter", f"--net={here.neighbour}", *route)
        assert await closed(here, here.neighbour, "tcp", one.ip6, 80)
        assert (await networks.firewall())["whole"]


@pytest.mark.parametrize("proto", ["tcp", "udp"])
@pytest.mark.parametrize("bridge_nf", ["0", "1"])
@in_lab
async def test_client_is_seen_as_the_readme_says(bridge_nf: str, proto: str) -> None:
    async with lab() as here, room(here) as networks:
        for family in ("iptables", "ip6tables"):
            setting(f"bridge/bridge-nf-call-{family}", bridge_nf)
        give_ipv6(here)
        await network(networks, "six", "10.85.0.0/24", "fd85::/64", enable_ipv6=True)
        await network(networks, "other", "10.86.0.0/24", "fd86::/64", enable_ipv6=True)
        server = await start(here, networks, "one", "six", publish="8080")
        near = await start(here, networks, "near", "six")
        far = await start(here, networks, "far", "other")
        outside, host = here.neighbour, None
        bridge4, bridge6 = "10.85.0.1", "fd85::1"
        published = [
            (outside, HOST, NEIGHBOUR),
            (host, HOST, HOST),
            (host, "127.0.0.1", bridge4),
            (near.path, HOST, bridge4),
            (far.path, HOST, bridge4),
            (outside, HOST6, NEIGHBOUR6),
            (host, HOST6, HOST6),
            (near.path, HOST6, bridge6),
            (far.path, HOST6, bridge6),
            (host, "::1", bridge6),
        ]
        for client, address, seen in published:
            assert await here.ask(client, proto, address, 8080) == f"seen {seen}", (client, address)
        for ip, near_ip, bridge in (
            (server.ip(), near.ip(), bridge4),
            (server.ip6, near.ip6, bridge6),
        ):
            assert await here.ask(near.path, proto, ip, 80) == f"seen {near_ip}"
            assert await here.ask(host, proto, ip, 80) == f"seen {bridge}"
            assert await closed(here, far.path, proto, ip, 80)
        for route in (("10.85.0.0/24", HOST), ("fd85::/64", HOST6)):
            way = ["ip", "route", "add", route[0], "via", route[1]]
            run("nsenter", f"--net={here.neighbour}", *way)
        assert await closed(here, outside, proto, server.ip(), 80)
        assert await closed(here, outside, proto, server.ip6, 80)


@in_lab
async def test_container_without_ipv6_is_reached_over_it_all_the_same() -> None:
    async with lab() as here, room(here) as networks:
        give_ipv6(here)
        await start(here, networks, "one", "bridge", publish="8080")
        for proto in ("tcp", "udp"):
            assert await here.ask(None, proto, "::1", 8080) == "seen 172.31.0.1"
            assert await here.ask(here.neighbour, proto, HOST6, 8080) == "seen 172.31.0.1"
        await networks.unpublish("one")
        assert await closed(here, None, "tcp", "::1", 8080)
        assert await closed(here, None, "udp", "::1", 8080)
        await networks.release("one")
        await start(here, networks, "two", "bridge", publish="8080")
        for proto in ("tcp", "udp"):
            assert await here.ask(None, proto, "::1", 8080) == "seen 172.31.0.1"


@pytest.mark.parametrize("policy", ["all", "lan", "local"])
@in_lab
async def test_policy_says_for_whom_a_port_without_host_address_is(policy: str) -> None:
    async with lab() as here, room(here, publish_policy=policy) as networks:
        await start(here, networks, "one", "bridge", publish="8080")
        private = ["ip", "addr", "add", "10.200.0.2/24", "dev", "up1"]
        run("nsenter", f"--net={here.neighbour}", *private)
        run("ip", "addr", "add", "10.200.0.1/24", "dev", "up0")
        far = await here.ask(here.neighbour, "tcp", HOST, 8080)
        near = await here.ask(here.neighbour, "tcp", "10.200.0.1", 8080)
        assert (far == f"seen {NEIGHBOUR}") is (policy == "all")
        assert (near == "seen 10.200.0.2") is (policy != "local")
        assert await here.ask(None, "tcp", "127.0.0.1", 8080) == "seen 172.31.0.1"
        assert (await networks.firewall())["whole"]


@in_lab
async def test_withdrawn_ipv6_udp_port_forgets_its_flows() -> None:
    async with lab() as here, room(here) as networks:
        give_ipv6(here)
        await network(networks, "six", "10.85.0.0/24", "fd85::/64", enable_ipv6=True)
        await start(here, networks, "one", "six", publish="5000")
        ask = (here.neighbour, "udp", HOST6, 5000, 40000)
        assert await here.ask(*ask) == f"seen {NEIGHBOUR6}"
        await networks.unpublish("one")
        assert await closed(here, *ask)


@in_lab
async def test_connection_changes_interfaces_routes_and_what_is_published() -> None:
    async with lab() as here, room(here) as networks:
        await network(networks, "zeta", "10.87.0.0/24")
        await network(networks, "alpha", "10.88.0.0/24")
        one = await start(here, networks, "one", "zeta", publish="8080")
        wish = EndpointWish(ip="10.88.0.77", mac="02:00:00:00:00:77")
        sandbox = await networks.connect("one", "alpha", wish)
        inside = ["nsenter", f"--net={one.path}", "ip"]
        assert "10.88.0.77/24" in run(*inside, "addr", "show", "eth1")
        assert "02:00:00:00:00:77" in run(*inside, "link", "show", "eth1")
        assert run(*inside, "route", "show", "default").startswith("default via 10.88.0.1 dev eth1")
        assert await here.ask(here.neighbour, "tcp", HOST, 8080) == f"seen {NEIGHBOUR}"
        await networks.disconnect("one", sandbox.endpoints[1].network_id)
        assert "eth1" not in run(*inside, "link")
        assert run(*inside, "route", "show", "default").startswith("default via 10.87.0.1 dev eth0")
        assert await here.ask(here.neighbour, "tcp", HOST, 8080) == f"seen {NEIGHBOUR}"
        assert "veth" not in run("ip", "-o", "link", "show", "master", _bridge(networks, "alpha"))


def _bridge(networks: Networks, name: str) -> str:
    return networks.find(name).bridge


@in_lab
async def test_cycles_of_connections_and_networks_leave_nothing() -> None:
    async with lab() as here, room(here) as networks:
        await network(networks, "home", "10.89.0.0/24")
        one = await start(here, networks, "one", "home")
        before = run("ip", "-o", "link").count("\n")
        for number in range(25):
            await network(networks, f"n{number}", f"10.90.{number}.0/24")
            sandbox = await networks.connect("one", f"n{number}", EndpointWish())
            await networks.disconnect("one", sandbox.endpoints[1].network_id)
            await networks.remove(f"n{number}")
        assert run("ip", "-o", "link").count("\n") == before
        assert run("nsenter", f"--net={one.path}", "ip", "-o", "link").count("\n") == 2
        rules = run("nft", "list", "ruleset")
        assert "10.90" not in rules
        assert (await networks.firewall())["whole"]


@in_lab
async def test_next_daemon_keeps_what_is_right_and_removes_what_is_nobodys() -> None:
    async with lab() as here:
        async with room(here) as networks:
            await network(networks, "front", "10.91.0.0/24")
            one = await start(here, networks, "one", "front", "bridge", publish="8080")
            # Made, but not yet recorded, when the daemon died.
            await network(networks, "lost", "10.92.0.0/24")
            lost = networks.find("lost")
            del here.store.records[lost.id]
            networks._host_ports.close()
        indices = run("ip", "-o", "link", "show", "master", here_bridge(here))
        saved = SavedEndpoint(
            container_id="one",
            container_name="one",
            sandbox=one.sandbox,
            ports=networks.published("one"),
        )
        again = here.networks()
        async with running(again):
            assert await again.restore([saved]) == frozenset()
            assert run("ip", "-o", "link", "show", "master", here_bridge(here)) == indices
            assert lost.bridge not in run("ip", "-o", "link")
            assert "10.92" not in run("nft", "list", "ruleset")
            assert await here.ask(here.neighbour, "tcp", HOST, 8080) == f"seen {NEIGHBOUR}"
            two = await start(here, again, "two", "front")
            assert two.ip() == "10.91.0.3"
            assert await here.ask(two.path, "tcp", one.ip(), 80) == f"seen {two.ip()}"


def here_bridge(here: Lab) -> str:
    return next(each.bridge for each in here.store.records.values() if each.name == "front")


@in_lab
async def test_shared_namespace_loses_the_address_of_who_has_ended() -> None:
    async with lab() as here, room(here) as networks:
        await network(networks, "front", "10.93.0.0/24")
        one = await start(here, networks, "one", "front")
        await networks.prepare("guest", EndpointPlan(container_name="g", mode="container:one"))
        await networks.begin("guest")
        inside = await trio.lowlevel.open_process(["nsenter", f"--net={one.path}", "sleep", "60"])
        try:
            await networks.release("one")
            links = run("nsenter", f"--net=/proc/{inside.pid}/ns/net", "ip", "-o", "link")
            assert "eth0" not in links
            two = await start(here, networks, "two", "front")
            assert two.ip() == one.ip()
        finally:
            inside.kill()
            await inside.wait()


@in_lab
async def test_chosen_subnet_avoids_routes_of_policy_tables_and_not_a_vpns_way_out() -> None:
    async with lab() as here:
        run("ip", "route", "add", "172.17.0.0/16", "via", NEIGHBOUR, "table", "100")
        run("ip", "route", "add", "128.0.0.0/1", "via", NEIGHBOUR)
        async with room(here) as networks:
            record = await networks.create(NetworkCreateRequest(name="front"))
            assert record.subnet == "172.18.0.0/16"
