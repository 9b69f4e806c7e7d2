"""The one exception: an accept kept in a foreign forward chain that would drop our traffic.

An accept in our chain is not final. Where ufw, firewalld or dockerd's iptables let the forward
hook drop, our bridges need an accept there too; what may not pass is still dropped by our own
chain, whose drop is final. Pure functions over libnftables' JSON.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

_FAMILIES = ("ip", "ip6", "inet")
_DOCKER_USER = "DOCKER-USER"


class Chain(msgspec.Struct, frozen=True, order=True):
    family: str
    table: str
    name: str

    def __str__(self) -> str:
        return f"{self.family} {self.table} {self.name}"


class Exemption(msgspec.Struct, frozen=True):
    """A rule of ours in a chain of others: what leaves or enters one of our bridges."""

    key: str  # iifname, oifname
    bridge: str


class Site(msgspec.Struct, frozen=True):
    """A foreign chain that our traffic passes: the rules that must be inserted or deleted."""

    chain: Chain
    wanted: frozenset[Exemption]
    present: dict[Exemption, int]  # by handle
    stray: tuple[int, ...]  # handles of ours that are no longer wanted, or doubled

    @property
    def missing(self) -> frozenset[Exemption]:
        return self.wanted - self.present.keys()


def forward_chains(chains: Iterable[dict[str, Any]], own: str) -> list[Chain]:
    """Base chains of others at the forward hook, and DOCKER-USER, from `list chains`."""
    found = []
    for item in chains:
        chain = item.get("chain")
        if not chain or chain["family"] not in _FAMILIES or chain["table"] == own:
            continue
        if chain.get("hook") == "forward" or chain["name"] == _DOCKER_USER:
            found.append(Chain(chain["family"], chain["table"], chain["name"]))
    return found


def drops(objects: Iterable[dict[str, Any]]) -> bool:
    """Whether the chain (from `list chain`) drops what none of its rules accept."""
    policy, last = "accept", {}
    for item in objects:
        if chain := item.get("chain"):
            policy = chain.get("policy", "accept")
        elif rule := item.get("rule"):
            last = rule
    verdicts = [set(statement) for statement in last.get("expr", ()) if "counter" not in statement]
    return policy == "drop" or verdicts in ([{"drop"}], [{"reject"}])


def choose(candidates: dict[Chain, list[dict[str, Any]]]) -> list[Chain]:
    """Where exemptions belong: DOCKER-USER, which dockerd never touches, before FORWARD."""
    user = {(c.family, c.table): c for c in candidates if c.name == _DOCKER_USER}
    return sorted(
        {
            user.get((chain.family, chain.table), chain)
            for chain, objects in candidates.items()
            if chain.name != _DOCKER_USER and drops(objects)
        }
    )


def site(
    chain: Chain,
    objects: Iterable[dict[str, Any]],
    bridges: Iterable[str],
    comment: str,
    *,
    needed: bool,
) -> Site:
    """What we have in the chain, and what we want there. Not needed: nothing is wanted."""
    wanted = {Exemption(key, b) for b in bridges for key in ("iifname", "oifname")}
    present: dict[Exemption, int] = {}
    stray = []
    for item in objects:
        rule = item.get("rule")
        if not rule or rule.get("comment") != comment:
            continue
        exemption = _exemption(rule)
        if exemption is None or exemption in present or not needed or exemption not in wanted:
            stray.append(rule["handle"])
        else:
            present[exemption] = rule["handle"]
    return Site(chain, frozenset(wanted if needed else ()), present, tuple(stray))


def _exemption(rule: dict[str, Any]) -> Exemption | None:
    match = next((s["match"] for s in rule["expr"] if "match" in s), None)
    if match is None or "accept" not in rule["expr"][-1]:
        return None
    return Exemption(match["left"].get("meta", {}).get("key", ""), str(match["right"]))


def commands(sites: Iterable[Site], comment: str) -> str:
    """Insert what is missing, delete what is stray."""
    lines = []
    for place in sites:
        lines += [f"delete rule {place.chain} handle {handle}" for handle in place.stray]
        lines += [
            f'insert rule {place.chain} {e.key} "{e.bridge}" counter accept comment "{comment}"'
            for e in sorted(place.missing, key=lambda e: (e.bridge, e.key))
        ]
    return "".join(line + "\n" for line in lines)
