from __future__ import annotations

from typing import Any

import pytest

from engine.adapters.nft import foreign
from engine.adapters.nft.foreign import Chain, Exemption

FORWARD = Chain("ip", "filter", "FORWARD")
FORWARD6 = Chain("ip6", "filter", "FORWARD")
USER = Chain("ip", "filter", "DOCKER-USER")
OURS = "trimaran:e1"


def base(policy: str) -> dict[str, Any]:
    return {"chain": {"name": "FORWARD", "hook": "forward", "policy": policy}}


def rule(*statements: str, handle: int = 9) -> dict[str, Any]:
    return {"rule": {"expr": [{name: None} for name in statements], "handle": handle}}


def exemption(key: str, bridge: str, handle: int, comment: str = OURS) -> dict[str, Any]:
    match = {"match": {"op": "==", "left": {"meta": {"key": key}}, "right": bridge}}
    return {
        "rule": {
            "expr": [match, {"counter": {}}, {"accept": None}],
            "handle": handle,
            "comment": comment,
        }
    }


def test_forward_chains_of_others_and_docker_user_are_candidates() -> None:
    listed: list[dict[str, Any]] = [
        {"metainfo": {}},
        {"chain": {"family": "ip", "table": "filter", "name": "FORWARD", "hook": "forward"}},
        {"chain": {"family": "ip", "table": "filter", "name": "INPUT", "hook": "input"}},
        {"chain": {"family": "ip", "table": "filter", "name": "DOCKER-USER"}},
        {"chain": {"family": "inet", "table": "mine", "name": "forward", "hook": "forward"}},
        {"chain": {"family": "ip6", "table": "filter", "name": "FORWARD", "hook": "forward"}},
        {"chain": {"family": "bridge", "table": "x", "name": "forward", "hook": "forward"}},
    ]
    assert foreign.forward_chains(listed, "mine") == [FORWARD, USER, FORWARD6]


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ([base("accept")], False),
        ([base("drop")], True),
        ([base("accept"), rule("match", "drop")], False),
        ([base("accept"), rule("counter", "reject")], True),
        ([base("accept"), rule("drop"), rule("match", "accept")], False),
    ],
)
def test_chain_drops_by_policy_or_by_its_last_rule(
    objects: list[dict[str, Any]], expected: bool
) -> None:
    assert foreign.drops(objects) is expected


def test_docker_user_takes_the_exemption_for_its_table() -> None:
    assert foreign.choose({FORWARD: [base("drop")], USER: []}) == [USER]
    assert foreign.choose({FORWARD: [base("drop")]}) == [FORWARD]
    assert foreign.choose({FORWARD: [base("accept")], USER: []}) == []


def test_missing_rules_are_inserted_and_stray_ones_deleted() -> None:
    objects = [exemption("iifname", "br0", 4), exemption("oifname", "old0", 5)]
    site = foreign.site(FORWARD, objects, ["br0"], OURS, needed=True)
    assert site.missing == {Exemption("oifname", "br0")}
    assert foreign.commands([site], OURS) == (
        "delete rule ip filter FORWARD handle 5\n"
        'insert rule ip filter FORWARD oifname "br0" counter accept comment "trimaran:e1"\n'
    )


def test_rules_of_others_are_never_ours() -> None:
    objects = [exemption("iifname", "br0", 4, comment="trimaran:e2"), rule("drop", handle=5)]
    site = foreign.site(FORWARD, objects, ["br0"], OURS, needed=False)
    assert (site.stray, site.missing) == ((), frozenset())


def test_chain_that_no_longer_drops_loses_our_rules() -> None:
    site = foreign.site(FORWARD, [exemption("iifname", "br0", 4)], ["br0"], OURS, needed=False)
    assert site.stray == (4,)


def test_doubled_rule_is_stray() -> None:
    objects = [exemption("iifname", "br0", 4), exemption("iifname", "br0", 6)]
    assert foreign.site(FORWARD, objects, ["br0"], OURS, needed=True).stray == (6,)
