from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Any

from msgspec.structs import replace

from engine.adapters.nft import loaded, ruleset
from engine.domain.networks.ports import BridgeRules, FirewallPlan, PortForward

WEB = PortForward("tcp", None, 80, IPv4Address("10.0.0.2"), 8080)
LOCAL = PortForward("udp", IPv4Address("127.0.0.1"), 53, IPv4Address("10.0.0.2"), 53)
NET = BridgeRules(bridge="br0", subnet=IPv4Network("10.0.0.0/24"))
PLAN = FirewallPlan((NET,), frozenset([WEB, LOCAL]))


def listing() -> list[dict[str, Any]]:
    """What libnftables lists once PLAN is loaded."""
    elements = {
        "any4": [[{"concat": [6, 80]}, {"concat": ["10.0.0.2", 8080]}]],
        "exact4": [[{"concat": [17, "127.0.0.1", 53]}, {"concat": ["10.0.0.2", 53]}]],
    }
    sets = ruleset.set_members(PLAN).items()
    chains = [*ruleset.rule_counts(PLAN), ruleset.mark(PLAN)]
    rules = [name for name, count in ruleset.rule_counts(PLAN).items() for _ in range(count)]
    return [
        {"metainfo": {}},
        *({"map": {"name": name, "elem": elem}} for name, elem in elements.items()),
        *({"set": {"name": name, "elem": [_shown(m) for m in held]}} for name, held in sets),
        *({"chain": {"name": name}} for name in chains),
        *({"rule": {"chain": name, "expr": []}} for name in rules),
    ]


def _shown(member: str) -> Any:
    if " . " in member:
        return {"concat": member.split(" . ")}
    if "/" in member:
        address, length = member.split("/")
        return {"prefix": {"addr": address, "len": int(length)}}
    return member


def test_network_that_is_missing_from_a_set_is_noticed() -> None:
    other = replace(NET, bridge="br1", subnet=IPv4Network("10.0.1.0/24"))
    drift = loaded.compare(loaded.read(listing()), replace(PLAN, bridges=(NET, other)), ())
    assert drift.base == "set bridges is not as it was"


def test_ipv6_forwards_are_read() -> None:
    element = [{"concat": [6, 80]}, {"concat": ["fd00::2", 8080]}]
    read = loaded.read([{"map": {"name": "any6", "elem": [element]}}])
    assert read.forwards == {PortForward("tcp", None, 80, IPv6Address("fd00::2"), 8080)}


def test_whole_table_has_no_drift() -> None:
    assert not loaded.compare(loaded.read(listing()), PLAN, ())


def test_missing_table_misses_everything() -> None:
    drift = loaded.compare(None, PLAN, ())
    assert (drift.base, drift.missing) == ("the table is gone", PLAN.forwards)


def test_flushed_chain_is_named() -> None:
    objects = [o for o in listing() if o.get("rule", {}).get("chain") != "publish"]
    drift = loaded.compare(loaded.read(objects), PLAN, ())
    assert drift.base == "chain publish has 0 rules instead of 8"


def test_deleted_chain_is_named() -> None:
    objects = [o for o in listing() if o.get("chain", {}).get("name") != "raw"]
    assert loaded.compare(loaded.read(objects), PLAN, ()).base == "chain raw is gone"


def test_rules_of_an_older_daemon_are_other_ones() -> None:
    newer = replace(PLAN, closed_links=("eth0",))
    assert loaded.compare(loaded.read(listing()), newer, ()).base == "the rules are other ones"


def test_elements_are_compared_one_by_one() -> None:
    ssh = PortForward("tcp", None, 22, IPv4Address("10.0.0.3"), 22)
    drift = loaded.compare(
        loaded.read(listing()), replace(PLAN, forwards=frozenset([WEB, ssh])), ()
    )
    assert not drift.base
    assert (set(drift.missing), set(drift.surplus)) == ({ssh}, {LOCAL})


def test_openings_are_read_as_forwards_without_a_host_port() -> None:
    elements = [{"concat": ["10.0.0.2", "tcp", 80]}, {"concat": ["10.0.0.3", 17, 53]}]
    read = loaded.read([{"set": {"name": "nearopen4", "elem": elements}}])
    assert read.forwards == {
        PortForward("tcp", None, 0, IPv4Address("10.0.0.2"), 80, near=True),
        PortForward("udp", None, 0, IPv4Address("10.0.0.3"), 53, near=True),
    }
