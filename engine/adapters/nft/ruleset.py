"""The text of our table: a pure function of what the room wants.

One `inet` table. Its maps hold the published ports, so that publishing is an element; its
rules change only with the networks. What each rule is for stands beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from engine.domain.networks.ports import BridgeRules, FirewallPlan, PortForward

# The rules below, whenever they change: a daemon that finds older ones loads its own.
GENERATION = 1
EXACT, WILDCARD = "exact4", "any4"
_MARK = "base-"


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
    chain = ""
    for line in _chains(plan):
        words = line.split()
        if words[0] == "chain":
            chain = words[1]
            counts[chain] = 0
        elif chain and words[0] not in ("type", "}"):
            counts[chain] += 1
    return counts


def replacement(table: str, plan: FirewallPlan) -> str:
    """Commands that put the whole table in place of whatever stands there, in one transaction."""
    body = "\n".join([*_maps(plan.forwards), *_chains(plan), f"chain {mark(plan)} {{ }}"])
    return f"add table inet {table}\ndelete table inet {table}\ntable inet {table} {{\n{body}\n}}\n"


def removal(table: str) -> str:
    return f"add table inet {table}\ndelete table inet {table}\n"


def change(table: str, *, add: Iterable[PortForward], remove: Iterable[PortForward]) -> str:
    """Commands for the elements that come and go. The map tells exact from wildcard."""
    lines = [f"delete element inet {table} {_map(f)} {{ {_key(f)} }}" for f in remove]
    lines += [f"add element inet {table} {_map(f)} {{ {_key(f)} : {_value(f)} }}" for f in add]
    return "\n".join(lines) + "\n"


def _map(forward: PortForward) -> str:
    return WILDCARD if forward.host_ip is None else EXACT


def _key(forward: PortForward) -> str:
    host = "" if forward.host_ip is None else f"{forward.host_ip} . "
    return f"{forward.proto} . {host}{forward.host_port}"


def _value(forward: PortForward) -> str:
    return f"{forward.container_ip} . {forward.container_port}"


def _maps(forwards: frozenset[PortForward]) -> list[str]:
    kinds = {
        EXACT: "inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service",
        WILDCARD: "inet_proto . inet_service : ipv4_addr . inet_service",
    }
    lines = []
    for name, kind in kinds.items():
        elements = [
            f"{_key(f)} : {_value(f)}" for f in sorted(forwards, key=_key) if _map(f) == name
        ]
        holds = f" elements = {{ {', '.join(elements)} }};" if elements else ""
        lines.append(f"map {name} {{ type {kind};{holds} }}")
    return lines


def _chains(plan: FirewallPlan) -> list[str]:
    return [*_raw(), *_publishing(), *_postrouting(plan), *_forward(plan), *_into(plan)]


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
    """From outside and other containers (prerouting) and from the host itself (output)."""
    return [
        "chain publish {",
        f"dnat ip to meta l4proto . ip daddr . th dport map @{EXACT}",
        f"dnat ip to meta l4proto . th dport map @{WILDCARD}",
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


def _postrouting(plan: FirewallPlan) -> list[str]:
    lines = ["chain postrouting {", "type nat hook postrouting priority srcnat; policy accept;"]
    for net in plan.bridges:
        # A container can't answer 127.0.0.1.
        lines.append(f'oifname "{net.bridge}" ip saddr 127.0.0.0/8 masquerade')
        # A container that reaches its own network's published port: the answer must come back
        # through us, though client and server are neighbours (bridge-nf-call-iptables is 0).
        lines.append(
            f'oifname "{net.bridge}" ip saddr {net.subnet} ip daddr {net.subnet} '
            "ct status dnat masquerade"
        )
        if net.masquerade and not net.internal:
            lines.append(f'oifname != "{net.bridge}" ip saddr {net.subnet} masquerade')
    return [*lines, "}"]


def _forward(plan: FirewallPlan) -> list[str]:
    """An accept here is not final, a drop is: the policy must let everybody else's pass."""
    lines = ["chain forward {", "type filter hook forward priority filter; policy accept;"]
    for net in plan.bridges:
        lines.append(f'oifname "{net.bridge}" jump into')
        if net.internal:
            lines.append(f'iifname "{net.bridge}" oifname != "{net.bridge}" drop')
    if plan.closed_links:
        # We switched forwarding on; that makes no router of this host for its neighbours.
        links = ", ".join(f'"{name}"' for name in plan.closed_links)
        lines.append(f"iifname {{ {links} }} oifname {{ {links} }} drop")
    return [*lines, "}"]


def _into(plan: FirewallPlan) -> list[str]:
    """Into a container: answers, what a published port leads there, neighbours if they may.

    Frames between neighbours pass here only when bridge-nf-call-iptables is 1; else it is the
    bridge that parts them (isolated ports).
    """
    lines = ["chain into {", "ct state established,related accept", "ct status dnat accept"]
    lines += [_same(net) for net in plan.bridges if net.icc]
    return [*lines, "drop", "}"]


def _same(net: BridgeRules) -> str:
    return f'iifname "{net.bridge}" oifname "{net.bridge}" accept'
