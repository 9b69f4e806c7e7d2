from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from engine.domain.networks.ports import BridgeRules, Change, Drift, PortForward

FORWARD = PortForward(
    proto="tcp",
    host_ip=None,
    host_port=8080,
    container_ip=IPv4Address("10.0.0.2"),
    container_port=80,
)


def test_change_is_something_when_anything_comes_or_goes() -> None:
    assert not Change()
    assert Change(add=(FORWARD,))
    assert Change(remove=(FORWARD,))


@pytest.mark.parametrize("name", ["new_bridges", "old_bridges"])
def test_bridges_are_changes_too(name: str) -> None:
    rules = BridgeRules(bridge="br0", subnet=None)
    assert Change(**{name: (rules,)})


@pytest.mark.parametrize(
    "drift",
    [
        Drift(base="the table is gone"),
        Drift(missing=frozenset({FORWARD})),
        Drift(surplus=frozenset({FORWARD})),
        Drift(foreign=("ip filter FORWARD",)),
    ],
)
def test_drift_is_something_in_each_of_its_kinds(drift: Drift) -> None:
    assert drift
    assert not Drift()
