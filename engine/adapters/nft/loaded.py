"""What is loaded in the kernel, read from libnftables' JSON: pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

import msgspec

from engine.adapters.nft import ruleset
from engine.domain.networks.ports import Drift, FirewallPlan, PortForward

_PROTOCOLS = {6: "tcp", 17: "udp", 132: "sctp"}


class Loaded(msgspec.Struct):
    """Our table as the kernel has it."""

    mark: str = ""
    rules: Counter[str] = msgspec.field(default_factory=Counter)
    chains: set[str] = msgspec.field(default_factory=set)
    forwards: set[PortForward] = msgspec.field(default_factory=set)
    sets: dict[str, set[str]] = msgspec.field(default_factory=dict)


def read(objects: Iterable[dict[str, Any]]) -> Loaded:
    loaded = Loaded()
    for item in objects:
        if chain := item.get("chain"):
            loaded.chains.add(chain["name"])
            if ruleset.is_mark(chain["name"]):
                loaded.mark = chain["name"]
        elif rule := item.get("rule"):
            loaded.rules[rule["chain"]] += 1
        elif (mapping := item.get("map")) and mapping["name"] in ruleset.MAPS:
            near = mapping["name"] in (ruleset.NEAR, ruleset.NEAR6)
            loaded.forwards.update(_forward(each, near=near) for each in mapping.get("elem", ()))
        elif (group := item.get("set")) and group["name"] in ruleset.OPENINGS:
            near = group["name"] in (ruleset.NEAR_OPEN, ruleset.NEAR_OPEN6)
            loaded.forwards.update(_opening(each, near=near) for each in group.get("elem", ()))
        elif group := item.get("set"):
            loaded.sets[group["name"]] = {_member(element) for element in group.get("elem", ())}
    return loaded


def _forward(element: Any, *, near: bool) -> PortForward:
    key, value = (_parts(part) for part in element)
    proto, *host, port = key
    address, container_port = value
    return PortForward(
        proto=_PROTOCOLS.get(proto, str(proto)),
        host_ip=ip_address(host[0]) if host else None,
        host_port=int(port),
        container_ip=ip_address(address),
        container_port=int(container_port),
        near=near,
    )


def _opening(element: Any, *, near: bool) -> PortForward:
    address, proto, port = _parts(element)
    return PortForward(
        proto=_PROTOCOLS.get(proto, str(proto)),
        host_ip=None,
        host_port=0,
        container_ip=ip_address(address),
        container_port=int(port),
        near=near,
    )


def _member(element: Any) -> str:
    """An element as `ruleset.members` writes it."""
    if isinstance(element, str):
        return element
    if prefix := element.get("prefix"):
        return f"{prefix['addr']}/{prefix['len']}"
    if concat := element.get("concat"):
        return " . ".join(str(part) for part in concat)
    return str(element)


def _parts(part: Any) -> list[Any]:
    while isinstance(part, dict) and "elem" in part:  # an element with a comment or time-out
        part = part["elem"]["val"]
    found: list[Any] = part["concat"]
    return found


def compare(loaded: Loaded | None, plan: FirewallPlan, foreign: tuple[str, ...]) -> Drift:
    """How `loaded` (None: no table) falls short of the plan."""
    if loaded is None:
        return Drift(base="the table is gone", missing=plan.forwards, foreign=foreign)
    wanted = ruleset.rule_counts(plan)
    base = ""
    if loaded.mark != ruleset.mark(plan):
        base = "the rules are other ones"
    for chain, count in wanted.items():
        if chain not in loaded.chains:
            base = base or f"chain {chain} is gone"
        elif loaded.rules[chain] != count:
            base = base or f"chain {chain} has {loaded.rules[chain]} rules instead of {count}"
    for name, held in ruleset.set_members(plan).items():
        if loaded.sets.get(name) != held:
            base = base or f"set {name} is not as it was"
    return Drift(
        base=base,
        missing=plan.forwards - loaded.forwards,
        surplus=frozenset(loaded.forwards) - plan.forwards,
        foreign=foreign,
    )
