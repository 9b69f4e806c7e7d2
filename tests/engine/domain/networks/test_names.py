from __future__ import annotations

import msgspec

from engine.domain.networks.book import Attachment, Book
from engine.domain.networks.names import dns_names, scope
from engine.domain.networks.records import Endpoint, NetworkRecord, Sandbox

ID = "0123456789abcdef" * 4
FRONT = NetworkRecord(id="n1", name="front", driver="bridge", created="", subnet="10.1.0.0/24")
ENDPOINT = Endpoint(
    network_id="n1",
    network_name="front",
    endpoint_id="e",
    ip="10.1.0.2",
    gateway="10.1.0.1",
    aliases=["site"],
    links={"db": "store"},
)


def attachment(*endpoints: Endpoint, started: bool = True, joined: bool = False) -> Attachment:
    sandbox = Sandbox(id="s", key="k", netns_path="/netns/s", endpoints=list(endpoints))
    sandbox = msgspec.structs.replace(sandbox, hostname="host", dns=["1.1.1.1"], exposed=["80/tcp"])
    return Attachment(ID, "web", sandbox, joined=joined, started=started)


def book(network: NetworkRecord = FRONT) -> Book:
    made = Book()
    made.put(network)
    return made


def test_names_are_name_aliases_short_id_and_host_name_each_once() -> None:
    assert dns_names(ID, "web", "host", ["site", "web"]) == ["web", "site", ID[:12], "host"]
    assert dns_names(ID, "web", "", []) == ["web", ID[:12]]


def test_scope_says_where_it_asks_from_and_who_it_is() -> None:
    found = scope(book(), attachment(ENDPOINT))
    assert found is not None
    assert (found.id, found.path, found.servers, found.forwards) == (
        ID,
        "/netns/s",
        ["1.1.1.1"],
        True,
    )
    (place,) = found.presences
    assert (place.addresses, place.links, place.ports) == (
        ["10.1.0.2"],
        {"db": "store"},
        ["80/tcp"],
    )
    assert place.names == ["web", "site", ID[:12], "host"]


def test_container_that_has_not_started_asks_but_is_not_found() -> None:
    found = scope(book(), attachment(ENDPOINT, started=False))
    assert found is not None
    assert found.presences[0].names == []


def test_without_a_gateway_nothing_is_asked_of_others() -> None:
    inside = msgspec.structs.replace(ENDPOINT, gateway="")
    found = scope(book(), attachment(inside))
    assert found is not None
    assert not found.forwards


def test_who_is_on_predefined_networks_alone_or_in_anothers_namespace_needs_none() -> None:
    default = msgspec.structs.replace(FRONT, predefined=True)
    assert scope(book(default), attachment(ENDPOINT)) is None
    assert scope(Book(), attachment(ENDPOINT)) is None
    assert scope(book(), attachment(ENDPOINT, joined=True)) is None
    hosts = attachment(ENDPOINT)
    hosts.sandbox = msgspec.structs.replace(hosts.sandbox, netns_path=None)
    assert scope(book(), hosts) is None


def test_names_are_looked_for_where_the_way_leads_out_first_then_by_the_networks_names() -> None:
    made, endpoints = book(), []
    for number, (name, gateway) in enumerate(
        (("aaa", ""), ("zzz", "10.9.0.1"), ("mmm", "10.8.0.1"))
    ):
        network = msgspec.structs.replace(FRONT, id=f"o{number}", name=name)
        made.put(network)
        place = {"network_id": network.id, "network_name": name, "gateway": gateway}
        endpoints.append(msgspec.structs.replace(ENDPOINT, **place))
    found = scope(made, attachment(*endpoints))
    assert found is not None
    assert [each.network_name for each in found.presences] == ["mmm", "zzz", "aaa"]
