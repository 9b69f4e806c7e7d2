from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from msgspec.structs import replace

from engine.adapters.nft import ruleset
from engine.domain.networks.ports import BridgeRules, Change, FirewallPlan, PortForward

WEB = PortForward("tcp", None, 80, IPv4Address("10.0.0.2"), 8080)
LOCAL = PortForward("udp", IPv4Address("127.0.0.1"), 53, IPv4Address("10.0.0.2"), 53)
NET = BridgeRules(bridge="br0", subnet=IPv4Network("10.0.0.0/24"))
PLAN = FirewallPlan((NET,), frozenset([WEB, LOCAL]), ("eth0",))


def test_change_is_deletions_before_additions() -> None:
    assert ruleset.change("t", Change(add=(WEB,), remove=(LOCAL,))) == (
        "delete element inet t exact4 { udp . 127.0.0.1 . 53 }\n"
        "add element inet t any4 { tcp . 80 : 10.0.0.2 . 8080 }\n"
    )


def test_replacement_holds_the_published_ports() -> None:
    text = ruleset.replacement("t", PLAN)
    assert text.startswith("add table inet t\ndelete table inet t\ntable inet t {\n")
    assert "elements = { tcp . 80 : 10.0.0.2 . 8080 };" in text
    assert "elements = { udp . 127.0.0.1 . 53 : 10.0.0.2 . 53 };" in text


def test_new_network_is_elements_of_sets() -> None:
    closed = replace(NET, icc=False, internal=True, subnet6=IPv6Network("fd00::/64"))
    assert ruleset.change("t", Change(new_bridges=(closed,))).splitlines() == [
        'add element inet t bridges { "br0" }',
        'add element inet t same { "br0" . "br0" }',
        'add element inet t internal { "br0" }',
        "add element inet t nets4 { 10.0.0.0/24 }",
        "add element inet t nets6 { fd00::/64 }",
    ]


def test_open_network_lets_neighbours_talk_and_leaves_under_the_hosts_address() -> None:
    assert ruleset.members(NET) == {
        "bridges": "br0",
        "same": "br0 . br0",
        "neighbours": "br0 . br0",
        "nets4": "10.0.0.0/24",
        "masq4": "10.0.0.0/24",
    }
    assert "masq4" not in ruleset.members(replace(NET, masquerade=False))


def test_ipv6_port_has_maps_of_its_own() -> None:
    web6 = PortForward("tcp", None, 80, IPv6Address("fd00::2"), 8080)
    text = ruleset.change(
        "t", Change(add=(web6, replace(web6, host_ip=IPv6Address("2001:db8::1"))))
    )
    assert text == (
        "add element inet t any6 { tcp . 80 : fd00::2 . 8080 }\n"
        "add element inet t exact6 { tcp . 2001:db8::1 . 80 : fd00::2 . 8080 }\n"
    )


def test_empty_maps_and_sets_name_no_elements() -> None:
    assert "elements" not in ruleset.replacement("t", FirewallPlan())


def test_mark_is_about_the_rules_and_not_the_ports() -> None:
    assert ruleset.mark(PLAN) == ruleset.mark(replace(PLAN, forwards=frozenset()))
    assert ruleset.is_mark(ruleset.mark(PLAN))


def test_mark_is_not_about_the_networks_either() -> None:
    assert ruleset.mark(PLAN) == ruleset.mark(replace(PLAN, bridges=()))
    assert ruleset.mark(PLAN) != ruleset.mark(replace(PLAN, closed_links=()))


def test_rules_are_counted_by_chain() -> None:
    counts = ruleset.rule_counts(PLAN)
    assert counts == {
        "raw": 1,
        "near": 3,
        "publish": 8,
        "prerouting": 1,
        "output": 1,
        "postrouting": 5,
        "forward": 3,
        "into": 12,
    }


def test_routed_network_keeps_its_addresses_and_its_ports_are_openings() -> None:
    routed = replace(NET, mode="routed", mode6="nat-unprotected", subnet6=IPv6Network("fd00::/64"))
    held = ruleset.members(routed)
    assert "masq4" not in held
    assert (held["routed4"], held["free6"], held["masq6"]) == ("br0", "br0", "fd00::/64")
    assert "free6" not in ruleset.members(replace(routed, internal=True))
    opened = PortForward("tcp", None, 0, IPv4Address("10.0.0.2"), 80)
    near = replace(opened, container_ip=IPv6Address("fd00::2"), near=True)
    assert ruleset.change("t", Change(add=(opened,), remove=(near,))) == (
        "delete element inet t nearopen6 { fd00::2 . tcp . 80 }\n"
        "add element inet t open4 { 10.0.0.2 . tcp . 80 }\n"
    )
    text = ruleset.replacement("t", FirewallPlan((routed,), frozenset([opened])))
    assert "elements = { 10.0.0.2 . tcp . 80 };" in text
