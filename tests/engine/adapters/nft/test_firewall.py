"""Our table in the kernel; what it does to traffic is tested in tests/integration."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Network

import pytest
import trio
from msgspec.structs import replace
from trio.testing import wait_all_tasks_blocked

from engine.adapters.nft.firewall import NftFirewall
from engine.domain.networks.ports import BridgeRules, Change, FirewallPlan, PortForward
from tests.integration.network_lab import in_lab, run

pytestmark = pytest.mark.integration
WEB = PortForward("tcp", None, 80, IPv4Address("10.0.0.2"), 8080)
LOCAL = PortForward("udp", IPv4Address("127.0.0.1"), 53, IPv4Address("10.0.0.2"), 53)
NET = BridgeRules(bridge="br0", subnet=IPv4Network("10.0.0.0/24"))
OPENED = PortForward("tcp", None, 0, IPv4Address("10.0.1.2"), 80)
ROUTED = BridgeRules(bridge="br1", subnet=IPv4Network("10.0.1.0/24"), mode="routed")
PLAN = FirewallPlan((NET, ROUTED), frozenset([WEB, LOCAL, OPENED]), ("eth0", "eth1"))


@in_lab
async def test_load_changes_nothing_the_second_time() -> None:
    firewall = NftFirewall("e1")
    assert await firewall.load(PLAN)
    before = run("nft", "-a", "list", "ruleset")
    assert not await firewall.load(PLAN)
    assert run("nft", "-a", "list", "ruleset") == before


@in_lab
async def test_each_kind_of_drift_is_found_and_mended() -> None:
    firewall = NftFirewall("e1")
    await firewall.load(PLAN)
    for damage in (
        "flush table inet trimaran-e1",
        "flush chain inet trimaran-e1 raw",
        "delete element inet trimaran-e1 any4 { tcp . 80 }",
        "add element inet trimaran-e1 any4 { tcp . 81 : 10.0.0.2 . 1 }",
        "delete element inet trimaran-e1 open4 { 10.0.1.2 . tcp . 80 }",
        "add element inet trimaran-e1 nearopen4 { 10.0.1.2 . udp . 80 }",
        "delete table inet trimaran-e1",
    ):
        run("nft", damage)
        assert await firewall.drift(PLAN), damage
        assert await firewall.load(PLAN), damage
        assert not await firewall.drift(PLAN), damage


@in_lab
async def test_change_survives_a_flush_in_between() -> None:
    firewall = NftFirewall("e1")
    await firewall.load(replace(PLAN, forwards=frozenset([LOCAL])))
    run("nft", "flush", "ruleset")
    await firewall.change(PLAN, Change(add=(WEB,)))
    assert not await firewall.drift(PLAN)


@in_lab
async def test_other_tables_are_not_touched_and_removal_leaves_nothing() -> None:
    run("nft", "add table inet trimaran-e2")
    run("iptables", "-P", "FORWARD", "DROP")
    before = run("nft", "list", "ruleset")
    firewall = NftFirewall("e1")
    await firewall.load(PLAN)
    await firewall.remove()
    assert run("nft", "list", "ruleset") == before


@in_lab
async def test_changes_of_others_are_told_and_our_own_are_not() -> None:
    firewall = NftFirewall("e1")
    told = 0

    async def listen() -> None:
        nonlocal told
        async for _ in firewall.changes():
            told += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        await wait_all_tasks_blocked(0.05)
        await firewall.load(PLAN)
        await wait_all_tasks_blocked(0.05)
        assert told == 0
        run("nft", "add table inet other")
        await wait_all_tasks_blocked(0.05)
        assert told == 1
        nursery.cancel_scope.cancel()


@in_lab
async def test_exemptions_are_in_both_families_for_whose_packets_pass_there() -> None:
    for family in ("iptables", "ip6tables"):
        run(family, "-P", "FORWARD", "DROP")
    both = replace(NET, bridge="br6", subnet6=IPv6Network("fd00::/64"))
    firewall = NftFirewall("e1")
    await firewall.load(FirewallPlan((NET, both), frozenset()))
    assert [run("iptables", "-S", "FORWARD").count(each) for each in ("br0", "br6")] == [2, 2]
    assert [run("ip6tables", "-S", "FORWARD").count(each) for each in ("br0", "br6")] == [0, 2]
    run("ip6tables", "-F", "FORWARD")
    assert await firewall.drift(FirewallPlan((NET, both), frozenset()))


@in_lab
async def test_sctp_ports_are_diverted_like_any_others() -> None:
    signal = PortForward("sctp", None, 2905, IPv4Address("10.0.0.2"), 2905)
    firewall = NftFirewall("e1")
    await firewall.load(replace(PLAN, forwards=frozenset([signal])))
    listed = run("nft", "list", "map", "inet", "trimaran-e1", "any4")
    assert "sctp . 2905 : 10.0.0.2 . 2905" in listed
    await firewall.change(PLAN, Change(remove=(signal,)))
    assert "sctp" not in run("nft", "list", "map", "inet", "trimaran-e1", "any4")
