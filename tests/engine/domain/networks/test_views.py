from __future__ import annotations

from ipaddress import IPv4Address

import msgspec
import pytest

from engine.domain.networks import predefined, views
from engine.domain.networks.book import Attachment, Book
from engine.domain.networks.ports import Drift, FirewallPlan, PortForward
from engine.domain.networks.records import Endpoint, NetworkRecord, PublishedPort, Sandbox
from engine.errors import InvalidParameter

USER = NetworkRecord(
    id="u" * 64, name="frontend", driver="bridge", created="", labels={"tier": "web", "x": ""}
)


def book() -> Book:
    known = Book()
    for record in (predefined.plain("none"), predefined.plain("host"), USER):
        known.put(record)
    return known


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, {"none", "host", "frontend"}),
        ({"driver": ["null", "host"]}, {"none", "host"}),
        ({"type": ["custom"]}, {"frontend"}),
        ({"type": ["builtin"]}, {"none", "host"}),
        ({"name": ["fron"]}, {"frontend"}),
        ({"name": ["^(host|none)$"]}, {"none", "host"}),
        ({"name": ["("]}, set()),
        ({"id": ["uuu"]}, {"frontend"}),
        ({"label": ["tier"]}, {"frontend"}),
        ({"label": ["tier=web", "x"]}, {"frontend"}),
        ({"label": ["tier=db"]}, set()),
        ({"scope": ["swarm"]}, set()),
        ({"dangling": ["true"]}, {"frontend"}),
        ({"dangling": ["0"]}, {"none", "host"}),
        ({"driver": ["bridge"], "name": ["host"]}, set()),
    ],
)
def test_filters_choose_as_dockerd_does(filters: dict[str, list[str]], expected: set[str]) -> None:
    assert {record.name for record in views.matching(book(), filters)} == expected


@pytest.mark.parametrize(
    ("filters", "text"),
    [
        ({"foo": ["x"]}, "invalid filter 'foo'"),
        ({"type": ["cust"]}, "invalid filter: 'type'='cust'"),
        ({"dangling": ["zz"]}, "invalid value for filter 'dangling'"),
    ],
)
def test_unknown_filters_are_refused(filters: dict[str, list[str]], text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        views.matching(book(), filters)


def test_inspect_names_the_containers_and_their_addresses() -> None:
    known = book()
    endpoint = Endpoint(
        network_id=USER.id, network_name="frontend", endpoint_id="e1", ip="10.0.0.2", prefix=24,
        mac="02:42:0a:00:00:02",
    )  # fmt: skip
    sandbox = Sandbox(id="s", key="k", netns_path="/n", endpoints=[endpoint])
    known.attachments["c1"] = Attachment("c1", "web", sandbox)
    assert views.inspect_view(USER, known)["Containers"] == {
        "c1": {
            "Name": "web",
            "EndpointID": "e1",
            "MacAddress": "02:42:0a:00:00:02",
            "IPv4Address": "10.0.0.2/24",
            "IPv6Address": "",
        }
    }
    assert views.summary(USER)["Containers"] == {}


def test_views_are_json() -> None:
    msgspec.json.encode([views.inspect_view(r, book()) for r in book().networks.values()])


def test_exposed_ports_without_publication_are_null() -> None:
    published = [
        PublishedPort(container_port=80, proto="tcp", host_ip="0.0.0.0", host_port=8080),
        PublishedPort(container_port=80, proto="tcp", host_ip="::", host_port=8080),
    ]
    assert views.port_map(published, ["80/tcp", "53/udp", "99"]) == {
        "80/tcp": [
            {"HostIp": "0.0.0.0", "HostPort": "8080"},
            {"HostIp": "::", "HostPort": "8080"},
        ],
        "53/udp": None,
        "99/tcp": None,
    }


def test_firewall_view_says_what_is_missing() -> None:
    forward = PortForward("tcp", None, 80, IPv4Address("10.0.0.2"), 8080)
    plan = FirewallPlan(forwards=frozenset([forward]))
    view = views.firewall_view(plan, Drift(missing=plan.forwards), enabled=True)
    assert (view["whole"], view["missing"]) == (False, ["tcp 0.0.0.0:80 -> 10.0.0.2:8080"])
