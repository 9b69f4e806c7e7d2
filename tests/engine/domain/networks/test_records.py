from __future__ import annotations

import msgspec
import pytest

from engine.domain.networks.records import Endpoint, NetworkRecord

FRONT = NetworkRecord(id="n", name="front", driver="bridge", created="")


@pytest.mark.parametrize(
    ("changes", "named"),
    [({}, True), ({"predefined": True}, False), ({"config_only": True}, False)],
)
def test_containers_find_each_other_by_name_on_own_networks(
    changes: dict[str, bool], named: bool
) -> None:
    assert msgspec.structs.replace(FRONT, **changes).named is named


@pytest.mark.parametrize(
    ("addresses", "addressed"), [({}, False), ({"ip": "10.0.0.2"}, True), ({"ip6": "fd::2"}, True)]
)
def test_endpoint_is_addressed_in_either_family(addresses: dict[str, str], addressed: bool) -> None:
    endpoint = Endpoint(network_id="n", network_name="front", endpoint_id="e", **addresses)
    assert endpoint.addressed is addressed


def test_record_of_an_older_engine_is_read() -> None:
    old = b'{"id":"n","name":"front","driver":"bridge","created":""}'
    assert msgspec.json.decode(old, type=NetworkRecord) == FRONT
