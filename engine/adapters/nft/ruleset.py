"""The text of our table: a pure function of what the room wants.

One `inet` table. Maps hold the published ports and sets the networks, so that publishing and
making a network are elements; the rules stay. What each rule is for stands beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from itertools import chain

from engine.domain.networks.ports import BridgeRules, Change, FirewallPlan, PortForward
from engine.domain.networks.records import ROUTED, UNPROTECTED

# The rules below, whenever they change: a daemon that finds older ones loads its own.
GENERATION = 3
EXACT, WILDCARD, EXACT6, WILDCARD6 = "exact4", "any4", "exact6", "any6"
NEAR, NEAR6 = "near4", "near6"
_MARK = "base-"
# Ports of routed networks that are open to everybody, or to who is near.
OPEN, OPEN6, NEAR_OPEN, NEAR_OPEN6 = "open4", "open6", "nearopen4", "nearopen6"
OPENINGS = (OPEN, OPEN6, NEAR_OPEN, NEAR_OPEN6)
MAPS = {
    EXACT: "inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service",
    WILDCARD: "inet_proto . inet_service : ipv4_addr . inet_service",
    EXACT6: "inet_proto . ipv6_addr . inet_service : ipv6_addr . inet_service",
    WILDCARD6: "inet_proto . inet_service : ipv6_addr . inet_service",
    NEAR: "inet_proto . inet_service : ipv4_addr . inet_service",
    NEAR6: "inet_proto . inet_service : ipv6_addr . inet_service",
}
# Who is near: private, shared (a carrier's or an overlay's) and link-local addresses.
_PRIVATE4 = "10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16"
_PRIVATE6 = "::1, fc00::/7, fe80::/10"
# Our bridges; those without a way out; the way of a frame back to its own bridge, and where that
# is open (icc); the subnets, and those that leave under the host's address. Then the bridges of routed networks and of those whose every port is open.
SETS = {
    "bridges": "type ifname;",
    "internal": "type ifname;",
    "same": "type ifname . ifname;",
    "neighbours": "type ifname . ifname;",
    "nets4": "type ipv4_addr; flags interval;",
    "nets6": "type ipv6_addr; flags interval;",
    "masq4": "type ipv4_addr; flags interval;",
    "masq6": "type ipv6_addr; flags interval;",
    "routed4": "type ifname;",
    "routed6": "type ifname;",
    "free4": "type ifname;",
    "free6": "type ifname;",
}


_MODE_SETS = {ROUTED: "routed", UNPROTECTED: "free"}


def table_name(engine: str) -> str:
    return f"trimaran-{engine}"


def mark(plan: FirewallPlan) -> str:
    """The name of an empty chain that says which base rules are loaded."""
    text = "\n".join(_chains(plan))
    return _MARK + hashlib.sha256(f"{GENERATION}\n{text}".encode()).hexdigest()[:16]


def is_mark(chain: str) -> bool:
    return chain.startswith(_MARK)


def rule_counts(plan: FirewallPlan) -> dict[str, int]:
    """How many rules each chain holds, to tell a flushed or edited table from a whole one."""
    counts: dict[str, int] = {}
    name = ""
    for line in _chains(plan):
        words = line.split()
        if words[0] == "chain":
            name = words[1]
            counts[name] = 0
        elif name and words[0] not in ("type", "}"):
            counts[name] += 1
    return counts


def members(bridge: BridgeRules) -> dict[str, str]:
    """What a network puts into each set, as `loaded` shows it (nft wants interface names quoted)."""
    name = bridge.bridge
    found = {"bridges": name, "same": f"{name} . {name}"}
    if bridge.internal:
        found["internal"] = name
    if bridge.icc:
        found["neighbours"] = f"{name} . {name}"
    for subnet, version, mode in (
        (bridge.subnet, 4, bridge.mode),
        (bridge.subnet6, 6, bridge.mode6),
    ):
        if subnet is not None:
            found[f"nets{version}"] = str(subnet)
            if mode in _MODE_SETS and not bridge.internal:
                found[f"{_MODE_SETS[mode]}{version}"] = name
            if bridge.masquerade and not bridge.internal and mode != ROUTED:
                found[f"masq{version}"] = str(subnet)
    return found


def set_members(plan: FirewallPlan) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {name: set() for name in SETS}
    for bridge in plan.bridges:
        for name, member in members(bridge).items():
            found[name].add(member)
    return found


def replacement(table: str, plan: FirewallPlan) -> str:
    """Commands that put the whole table in place of whatever stands there, in one transaction."""
    body = "\n".join(
        [
            *_maps(plan.forwards),
            *_sets(set_members(plan)),
            *_openings(plan.forwards),
            *_chains(plan),
            f"chain {mark(plan)} {{ }}",
        ]
    )
    return f"add table inet {table}\ndelete table inet {table}\ntable inet {table} {{\n{body}\n}}\n"


def removal(table: str) -> str:
    return f"add table inet {table}\ndelete table inet {table}\n"


def change(table: str, change: Change) -> str:
    """Commands for the elements that come and go; what goes first, for a key has one value."""
    lines = [f"delete element inet {table} {_map(f)} {{ {_key(f)} }}" for f in change.remove]
    lines += chain.from_iterable(_elements(table, "delete", b) for b in change.old_bridges)
    lines += [f"add element inet {table} {_map(f)} {{ {_element(f)} }}" for f in change.add]
    lines += chain.from_iterable(_elements(table, "add", b) for b in change.new_bridges)
    return "\n".join(lines) + "\n"


def _elements(table: str, verb: str, bridge: BridgeRules) -> list[str]:
    return [
        f"{verb} element inet {table} {name} {{ {_quoted(name, member)} }}"
        for name, member in members(bridge).items()
    ]


def _quoted(name: str, member: str) -> str:
    if "ifname" not in SETS[name]:
        return member
    return " . ".join(f'"{part}"' for part in member.split(" . "))


def _map(forward: PortForward) -> str:
    if forward.routed:
        wide, near = (OPEN, NEAR_OPEN) if forward.container_ip.version == 4 else (OPEN6, NEAR_OPEN6)
        return near if forward.near else wide
    if forward.near and forward.host_ip is None:
        return NEAR if forward.container_ip.version == 4 else NEAR6
    if forward.container_ip.version == 4:
        return WILDCARD if forward.host_ip is None else EXACT
    return WILDCARD6 if forward.host_ip is None else EXACT6


def _key(forward: PortForward) -> str:
    if forward.routed:
        return f"{forward.container_ip} . {forward.proto} . {forward.container_port}"
    host = "" if forward.host_ip is None else f"{forward.host_ip} . "
    return f"{forward.proto} . {host}{forward.host_port}"


def _element(forward: PortForward) -> str:
    return _key(forward) if forward.routed else f"{_key(forward)} : {_value(forward)}"


def _value(forward: PortForward) -> str:
    return f"{forward.container_ip} . {forward.container_port}"


def _maps(forwards: frozenset[PortForward]) -> list[str]:
    elements: dict[str, list[str]] = {name: [] for name in MAPS}
    for forward in sorted(forwards, key=_key):
        if not forward.routed:
            elements[_map(forward)].append(_element(forward))
    return [
        f"map {name} {{ type {kind};{_holding(elements[name])} }}" for name, kind in MAPS.items()
    ]


def _openings(forwards: frozenset[PortForward]) -> list[str]:
    elements: dict[str, list[str]] = {name: [] for name in OPENINGS}
    for forward in sorted(forwards, key=_key):
        if forward.routed:
            elements[_map(forward)].append(_key(forward))
    kinds = {name: "ipv6_addr" if name.endswith("6") else "ipv4_addr" for name in OPENINGS}
    return [
        f"set {name} {{ type {kinds[name]} . inet_proto . inet_service;{_holding(held)} }}"
        for name, held in elements.items()
    ]


def _sets(held: Mapping[str, Iterable[str]]) -> list[str]:
    return [
        f"set {name} {{ {kind}{_holding(_quoted(name, m) for m in sorted(held[name]))} }}"
        for name, kind in SETS.items()
    ]


def _holding(elements: Iterable[str]) -> str:
    text = ", ".join(elements)
    return f" elements = {{ {text} }};" if text else ""


def _chains(plan: FirewallPlan) -> list[str]:
    return [*_raw(), *_publishing(), *_postrouting(), *_forward(plan), *_into()]


def _raw() -> list[str]:
    """Containers hold NET_RAW and, with route_localnet, could craft frames to the host's loopback
    (CVE-2020-8558); so could a neighbour."""
    return [
        "chain raw {",
        "type filter hook prerouting priority raw; policy accept;",
        'iifname != "lo" ip daddr 127.0.0.0/8 drop',
        "}",
    ]


def _publishing() -> list[str]:
    """From outside and other containers (prerouting) and from the host itself (output).

    The kernel doesn't route ::1 anywhere, so nothing is gained by diverting it.
    """
    return [
        "chain near {",
        f"dnat ip to meta l4proto . th dport map @{NEAR}",
        "ip6 daddr ::1 return",
        f"dnat ip6 to meta l4proto . th dport map @{NEAR6}",
        "}",
        "chain publish {",
        f"dnat ip to meta l4proto . ip daddr . th dport map @{EXACT}",
        f"dnat ip to meta l4proto . th dport map @{WILDCARD}",
        "fib saddr type local jump near",
        f"ip saddr {{ {_PRIVATE4} }} jump near",
        f"ip6 saddr {{ {_PRIVATE6} }} jump near",
        "ip6 daddr ::1 return",
        f"dnat ip6 to meta l4proto . ip6 daddr . th dport map @{EXACT6}",
        f"dnat ip6 to meta l4proto . th dport map @{WILDCARD6}",
        "}",
        "chain prerouting {",
        "type nat hook prerouting priority dstnat; policy accept;",
        "fib daddr type local jump publish",
        "}",
        "chain output {",
        "type nat hook output priority -100; policy accept;",
        "fib daddr type local jump publish",
        "}",
    ]


def _postrouting() -> list[str]:
    """A container can't answer 127.0.0.1; one that reaches a published port of a neighbour must
    get the answer through us (the bridge would carry it straight, bridge-nf-call-iptables being
    0); and what leaves does so under the host's address."""
    return [
        "chain postrouting {",
        "type nat hook postrouting priority srcnat; policy accept;",
        "oifname @bridges ip saddr 127.0.0.0/8 masquerade",
        "oifname @bridges ip saddr @nets4 ip daddr @nets4 ct status dnat masquerade",
        "oifname @bridges ip6 saddr @nets6 ip6 daddr @nets6 ct status dnat masquerade",
        "oifname != @bridges ip saddr @masq4 masquerade",
        "oifname != @bridges ip6 saddr @masq6 masquerade",
        "}",
    ]


def _forward(plan: FirewallPlan) -> list[str]:
    """An accept here is not final, a drop is: the policy must let everybody else's pass."""
    lines = [
        "chain forward {",
        "type filter hook forward priority filter; policy accept;",
        "oifname @bridges jump into",
        "iifname @internal iifname . oifname != @same drop",
    ]
    if plan.closed_links:
        # We switched forwarding on; that makes no router of this host for its neighbours.
        links = ", ".join(f'"{name}"' for name in plan.closed_links)
        lines.append(f"iifname {{ {links} }} oifname {{ {links} }} drop")
    return [*lines, "}"]


def _into() -> list[str]:
    """Into a container: answers, what a published port leads there, neighbours if they may.

    Networks are apart: nothing else passes from one to another. Nothing reaches an internal one.
    A routed network lets pass what was published, under its own addresses, and pings.
    Frames between neighbours pass here only when bridge-nf-call-iptables is 1; else it is the
    bridge that parts them (isolated ports).
    """
    return [
        "chain into {",
        "ct state established,related accept",
        "ct status dnat accept",
        "iifname . oifname @neighbours accept",
        *_open(),
        "drop",
        "}",
    ]


def _open() -> list[str]:
    lines = []
    for ip, version, private, icmp in (
        ("ip", 4, _PRIVATE4, "icmp"),
        ("ip6", 6, _PRIVATE6, "icmpv6"),
    ):
        there = f"{ip} daddr . meta l4proto . th dport"
        lines += [
            f"{there} @open{version} accept",
            f"{ip} saddr {{ {private} }} {there} @nearopen{version} accept",
            f"oifname @routed{version} meta l4proto {icmp} accept",
            f"oifname @free{version} meta nfproto ipv{version} accept",
        ]
    return lines
