"""Gateway modes of bridge networks: who reaches a container under its own address, and who sees whom."""

from __future__ import annotations

import pytest

from engine.domain.networks.facade import parse_ports
from engine.models.networks import PortBinding
from tests.integration.network_lab import HOST, NEIGHBOUR, in_lab, lab, run, setting
from tests.integration.test_user_networks import (
    HOST6,
    NEIGHBOUR6,
    closed,
    give_ipv6,
    network,
    room,
    start,
)

pytestmark = pytest.mark.integration

MODE = "com.docker.network.bridge.gateway_mode_ipv"


@pytest.mark.parametrize(("bridge_nf", "foreign"), [("0", "DROP"), ("1", "ACCEPT")])
@in_lab
async def test_routed_network_is_reached_where_it_published_and_under_its_own_address(
    bridge_nf: str, foreign: str
) -> None:
    async with lab() as here:
        run("iptables", "-P", "FORWARD", foreign)
        async with room(here) as networks:
            setting("bridge/bridge-nf-call-iptables", bridge_nf)
            await network(networks, "routed", "10.84.0.0/24", options={f"{MODE}4": "routed"})
            web = await start(here, networks, "web", "routed", publish="8080")
            bare = await start(here, networks, "bare", "routed")
            old = await start(here, networks, "old", "bridge")
            route = ["ip", "route", "add", "10.84.0.0/24", "via", HOST]
            run("nsenter", f"--net={here.neighbour}", *route)
            for proto in ("tcp", "udp"):
                for source, seen in ((here.neighbour, NEIGHBOUR), (old.path, old.ip())):
                    assert await here.ask(source, proto, web.ip(), 80) == f"seen {seen}"
                    assert await closed(here, source, proto, bare.ip(), 80)
                assert await closed(here, here.neighbour, proto, HOST, 8080)
                assert await here.ask(bare.path, proto, web.ip(), 80) == f"seen {bare.ip()}"
            # Nothing of the host's is taken: another container may have the port.
            await start(here, networks, "more", "bridge", publish="8080")
            assert await here.ask(here.neighbour, "tcp", HOST, 8080) == f"seen {NEIGHBOUR}"
            here.serve(here.neighbour, "tcp", 9000)
            assert await here.ask(web.path, "tcp", NEIGHBOUR, 9000) == f"seen {web.ip()}"
            run("nsenter", f"--net={here.neighbour}", "busybox", "ping", "-c1", "-W5", bare.ip())
            await networks.unpublish("web")
            assert await closed(here, here.neighbour, "tcp", web.ip(), 80)


@in_lab
async def test_routed_ports_are_shown_without_a_host_port_and_each_family_has_its_mode() -> None:
    async with lab() as here, room(here) as networks:
        give_ipv6(here)
        await network(
            networks, "six", "10.85.0.0/24", "fd85::/64",
            enable_ipv6=True, options={f"{MODE}6": "routed"},
        )  # fmt: skip
        web = await start(here, networks, "web", "six")
        binding = {"80/tcp": [PortBinding(host_ip="", host_port="8080")]}
        ports = await networks.publish("web", parse_ports((), binding))
        assert [(p.host_ip, p.host_port) for p in ports] == [("0.0.0.0", 8080), ("::", 0)]
        run("nsenter", f"--net={here.neighbour}", "ip", "route", "add", "fd85::/64", "via", HOST6)
        assert await here.ask(here.neighbour, "tcp", web.ip6, 80) == f"seen {NEIGHBOUR6}"
        assert await here.ask(here.neighbour, "tcp", HOST, 8080) == f"seen {NEIGHBOUR}"
        assert await closed(here, here.neighbour, "tcp", web.ip(), 80)
        assert await closed(here, here.neighbour, "tcp", HOST6, 8080)


@in_lab
async def test_policy_lan_opens_routed_ports_to_who_is_near() -> None:
    async with lab() as here, room(here, publish_policy="lan") as networks:
        await network(networks, "routed", "10.84.0.0/24", options={f"{MODE}4": "routed"})
        web = await start(here, networks, "web", "routed", publish="8080")
        old = await start(here, networks, "old", "bridge")
        run("nsenter", f"--net={here.neighbour}", "ip", "route", "add", "10.84.0.0/24", "via", HOST)
        assert await closed(here, here.neighbour, "tcp", web.ip(), 80)  # 192.0.2.2 is public
        assert await here.ask(old.path, "tcp", web.ip(), 80) == f"seen {old.ip()}"


@in_lab
async def test_unprotected_network_hides_no_port_and_still_leaves_under_the_hosts_address() -> None:
    async with lab() as here, room(here) as networks:
        options = {f"{MODE}4": "nat-unprotected"}
        await network(networks, "open", "10.86.0.0/24", options=options)
        web = await start(here, networks, "web", "open")
        route = ["ip", "route", "add", "10.86.0.0/24", "via", HOST]
        run("nsenter", f"--net={here.neighbour}", *route)
        assert await here.ask(here.neighbour, "tcp", web.ip(), 80) == f"seen {NEIGHBOUR}"
        here.serve(here.neighbour, "tcp", 9000)
        assert await here.ask(web.path, "tcp", NEIGHBOUR, 9000) == f"seen {HOST}"


@in_lab
async def test_isolated_network_has_not_even_the_host() -> None:
    async with lab() as here, room(here) as networks:
        options = {f"{MODE}4": "isolated", "com.docker.network.bridge.name": "br-alone"}
        await network(networks, "alone", "10.87.0.0/24", internal=True, options=options)
        one = await start(here, networks, "one", "alone")
        two = await start(here, networks, "two", "alone")
        assert one.ip() == "10.87.0.1"  # there is no gateway
        assert await here.ask(one.path, "tcp", two.ip(), 80) == f"seen {one.ip()}"
        assert "inet 10.87" not in run("ip", "addr", "show", "br-alone")
        assert await closed(here, None, "tcp", one.ip(), 80)
        shown = networks.list({"name": ["alone"]})[0]["IPAM"]["Config"]
        assert shown == [{"Subnet": "10.87.0.0/24"}]
