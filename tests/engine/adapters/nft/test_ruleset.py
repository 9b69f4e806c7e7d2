from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from engine.adapters.nft import ruleset
from engine.domain.networks.ports import BridgeRules, FirewallPlan, PortForward

WEB = PortForward("tcp", None, 80, IPv4Address("10.0.0.2"), 8080)
LOCAL = PortForward("udp", IPv4Address("127.0.0.1"), 53, IPv4Address("10.0.0.2"), 53)
NET = BridgeRules(bridge="br0", subnet=IPv4Network("10.0.0.0/24"))
PLAN = FirewallPlan((NET,), frozenset([WEB, LOCAL]), ("eth0",))


def test_change_is_deletions_before_additions() -> None:
    assert ruleset.change("t", add=[WEB], remove=[LOCAL]) == (
        "delete element inet t exact4 { udp . 127.0.0.1 . 53 }\n"
        "add element inet t any4 { tcp . 80 : 10.0.0.2 . 8080 }\n"
    )


def test_replacement_holds_the_published_ports() -> None:
    text = ruleset.replacement("t", PLAN)
    assert text.startswith("add table inet t\ndelete table inet t\ntable inet t {\n")
    assert "elements = { tcp . 80 : 10.0.0.2 . 8080 };" in text
    assert "elements = { udp . 127.0.0.1 . 53 : 10.0.0.2 . 53 };" in text


def test_empty_map_names_no_elements() -> None:
    assert "elements" not in ruleset.replacement("t", replace(PLAN, forwards=frozenset()))


def test_mark_is_about_the_rules_and_not_the_ports() -> None:
    assert ruleset.mark(PLAN) == ruleset.mark(replace(PLAN, forwards=frozenset()))
    assert ruleset.is_mark(ruleset.mark(PLAN))


@pytest.mark.parametrize(
    "changed",
    [
        replace(PLAN, closed_links=()),
        replace(PLAN, bridges=()),
        replace(PLAN, bridges=(replace(NET, masquerade=False),)),
        replace(PLAN, bridges=(replace(NET, internal=True),)),
        replace(PLAN, bridges=(replace(NET, icc=False),)),
    ],
)
def test_every_wish_of_a_network_shows_in_the_mark(changed: FirewallPlan) -> None:
    assert ruleset.mark(changed) != ruleset.mark(PLAN)


def test_rules_are_counted_by_chain() -> None:
    counts = ruleset.rule_counts(PLAN)
    assert counts == {
        "raw": 1,
        "publish": 2,
        "prerouting": 1,
        "output": 1,
        "postrouting": 3,
        "forward": 2,
        "into": 4,
    }
