from __future__ import annotations

from ipaddress import IPv4Address

import msgspec

from engine.domain.networks import predefined, views
from engine.domain.networks.book import Attachment, Book
from engine.domain.networks.ports import Drift, FirewallPlan, PortForward
from engine.domain.networks.records import Endpoint, NetworkRecord, PublishedPort, Sandbox

USER = NetworkRecord(
    id="u" * 64, name="frontend", driver="bridge", created="", labels={"tier": "web", "x": ""}
)


def book() -> Book:
    known = Book()
    for record in (predefined.plain("none"), predefined.plain("host"), USER):
        known.put(record)
    return known


def test_inspect_names_the_containers_and_their_addresses() -> None:
    known = book()
    endpoint = Endpoint(
        network_id=USER.id, network_name="frontend", endpoint_id="e1", ip="10.0.0.2", prefix=24,
        mac="02:42:0a:00:00:02",
    )  # fmt: skip
    sandbox = Sandbox(id="s", key="k", netns_path="/n", endpoints=[endpoint])
    known.attachments["c1"] = Attachment("c1", "web", sandbox, started=True)
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
    known.attachments["c1"].started = False  # prepared ahead of its start
    assert views.inspect_view(USER, known)["Containers"] == {}


def test_both_families_are_shown_with_what_is_reserved() -> None:
    record = msgspec.structs.replace(
        USER,
        ipv6=True,
        subnet="10.0.0.0/24",
        gateway="10.0.0.1",
        ip_range="10.0.0.128/25",
        auxiliary={"router": "10.0.0.9"},
        subnet6="fd00::/64",
        gateway6="fd00::1",
    )
    view = views.inspect_view(record, None)
    assert view["EnableIPv6"] is True
    assert view["IPAM"]["Config"] == [
        {
            "Subnet": "10.0.0.0/24",
            "IPRange": "10.0.0.128/25",
            "Gateway": "10.0.0.1",
            "AuxiliaryAddresses": {"router": "10.0.0.9"},
        },
        {"Subnet": "fd00::/64", "Gateway": "fd00::1"},
    ]


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


def test_gateway_of_a_subnet_that_was_asked_for_without_one_is_not_shown() -> None:
    asked = NetworkRecord(
        id="n", name="n", driver="bridge", created="", subnet="10.0.0.0/24", gateway="10.0.0.1"
    )
    implied = msgspec.structs.replace(asked, implied=["10.0.0.0/24"])
    assert views.summary(asked)["IPAM"]["Config"] == [
        {"Subnet": "10.0.0.0/24", "Gateway": "10.0.0.1"}
    ]
    assert views.summary(implied)["IPAM"]["Config"] == [{"Subnet": "10.0.0.0/24"}]
