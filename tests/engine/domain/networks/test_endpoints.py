from __future__ import annotations

from ipaddress import IPv4Interface, IPv6Interface

import msgspec
import pytest
from msgspec.structs import replace

from engine.domain.networks import endpoints
from engine.domain.networks.book import Book
from engine.domain.networks.records import Endpoint, EndpointWish, NetworkRecord, Room
from engine.errors import EngineError, InvalidParameter

FRONT = NetworkRecord(
    id="f" * 64,
    name="front",
    driver="bridge",
    created="",
    subnet="10.1.0.0/24",
    gateway="10.1.0.1",
    bridge="br-front",
    mtu=1400,
)
BOTH = msgspec.structs.replace(
    FRONT, id="b" * 64, name="both", ipv6=True, subnet6="fd00::/64", gateway6="fd00::1"
)


def book(*networks: NetworkRecord) -> Book:
    made = Book()
    for each in networks:
        made.put(each)
    return made


def made(network: NetworkRecord, at: Book | None = None, **wish: object) -> Endpoint:
    asked = EndpointWish(**wish)  # type: ignore[arg-type]
    return endpoints.make(at or book(network), network, asked, "", ())


def test_endpoint_has_an_address_its_mac_and_its_interfaces() -> None:
    found = made(FRONT, aliases=["web"])
    assert found.ip.startswith("10.1.0.")
    assert (found.prefix, found.gateway, found.ip6) == (24, "10.1.0.1", "")
    assert found.mac.startswith("02:42:0a:01:00:")
    assert (found.interface, found.aliases) == ("eth0", ["web"])
    assert found.host_interface


def test_both_families_are_taken_where_the_network_has_them() -> None:
    found = made(BOTH)
    assert (found.prefix6, found.gateway6) == (64, "fd00::1")
    assert found.ip6.startswith("fd00::")


def test_wishes_are_granted() -> None:
    found = made(BOTH, ip="10.1.0.77", ip6="fd00::77", mac="02:42:AC:00:00:01", priority=3)
    assert (found.ip, found.ip6, found.mac, found.priority) == (
        "10.1.0.77",
        "fd00::77",
        "02:42:ac:00:00:01",
        3,
    )


def test_addresses_are_taken_all_or_none() -> None:
    at = book(BOTH)
    made(BOTH, at, ip6="fd00::77")
    with pytest.raises(EngineError):
        made(BOTH, at, ip="10.1.0.50", ip6="fd00::77")
    assert made(BOTH, at, ip="10.1.0.50").ip == "10.1.0.50"
    with pytest.raises(InvalidParameter, match="does not belong to any of this network's subnets"):
        made(FRONT, ip6="fd00::5")


def test_internal_network_leads_nowhere() -> None:
    internal = msgspec.structs.replace(BOTH, internal=True)
    found = made(internal)
    assert (found.gateway, found.gateway6) == ("", "")


def test_second_interface_has_the_next_name() -> None:
    at = book(FRONT, BOTH)
    first = made(FRONT, at)
    second = endpoints.make(at, BOTH, EndpointWish(), "", [first])
    assert (first.interface, second.interface) == ("eth0", "eth1")


@pytest.mark.parametrize(("driver", "mac"), [("macvlan", True), ("ipvlan", False)])
def test_other_drivers_have_no_veth(driver: str, mac: bool) -> None:
    found = made(msgspec.structs.replace(FRONT, driver=driver, parent="up0"))
    assert (found.host_interface, bool(found.mac)) == ("", mac)


@pytest.mark.parametrize(
    ("wish", "text"),
    [
        (
            {"ip": "10.1.0.5"},
            "user specified IP address is supported on user defined networks only",
        ),
        ({"ip6": "fd00::5"}, "user specified IP address is supported on user defined networks"),
        ({"aliases": ["a"]}, "network-scoped alias is supported only for containers in user de"),
    ],
)
def test_predefined_networks_grant_no_wishes(wish: dict[str, object], text: str) -> None:
    default = msgspec.structs.replace(FRONT, predefined=True)
    with pytest.raises(InvalidParameter, match=text):
        made(default, **wish)
    assert made(default).ip


def test_bare_endpoint_has_no_interface() -> None:
    found = endpoints.bare(FRONT)
    assert (found.network_name, found.interface, found.ip) == ("front", "", "")


def leading(name: str, **changes: object) -> Endpoint:
    return Endpoint(network_id=name, network_name=name, endpoint_id="e", **changes)  # type: ignore[arg-type]


def test_default_route_is_chosen_as_dockerd_does() -> None:
    one, two = leading("a", gateway="10.0.0.1"), leading("b", gateway="10.0.1.1")
    assert endpoints.gateway_endpoint([two, one]) == one
    dual = leading("c", gateway="10.0.2.1", gateway6="fd00::1")
    assert endpoints.gateway_endpoint([one, dual]) == dual
    first = leading("z", gateway="10.0.3.1", priority=1)
    assert endpoints.gateway_endpoint([one, dual, first]) == first
    assert endpoints.gateway_endpoint([leading("internal")]) is None


def test_interface_is_planned_from_the_endpoint() -> None:
    endpoint = made(BOTH, ip="10.1.0.5", ip6="fd00::5")
    plan = endpoints.veth_plan(BOTH, endpoint, "alias", default_route=True)
    assert (plan.address, plan.address6) == (
        IPv4Interface("10.1.0.5/24"),
        IPv6Interface("fd00::5/64"),
    )
    assert (str(plan.gateway), str(plan.gateway6)) == ("10.1.0.1", "fd00::1")
    assert (plan.bridge, plan.mtu, plan.kind, plan.isolated) == ("br-front", 1400, "veth", False)
    beside = endpoints.veth_plan(BOTH, endpoint, "alias", default_route=False)
    assert replace(beside, gateway=plan.gateway, gateway6=plan.gateway6) == plan
    assert (beside.gateway, beside.gateway6) == (None, None)
    quiet = msgspec.structs.replace(BOTH, icc=False)
    assert endpoints.veth_plan(quiet, endpoint, "alias", default_route=True).isolated


def test_prefix_and_gateway_are_of_the_subnet_that_the_address_is_in() -> None:
    several = msgspec.structs.replace(
        FRONT,
        driver="macvlan",
        parent="eth0",
        more=[Room(subnet="10.2.0.0/16", gateway="10.2.0.1", auxiliary={"router": "10.2.0.2"})],
    )
    assert (made(several).prefix, made(several).gateway) == (24, "10.1.0.1")
    found = made(several, ip="10.2.3.4")
    assert (found.ip, found.prefix, found.gateway) == ("10.2.3.4", 16, "10.2.0.1")
    with pytest.raises(EngineError, match="Address already in use"):
        made(several, ip="10.2.0.2")


def test_options_and_link_local_addresses_are_in_the_plan() -> None:
    options = {
        "com.docker.network.endpoint.ifname": "front0",
        "com.docker.network.endpoint.sysctls": "net.ipv4.conf.IFNAME.log_martians=1",
    }
    found = made(FRONT, options=options, local=["169.254.8.8", "fe80::8"])
    plan = endpoints.veth_plan(FRONT, found, "x", default_route=True)
    assert plan.name == "front0"
    assert plan.sysctls == (("net/ipv4/conf/front0/log_martians", "1"),)
    assert [str(each) for each in plan.local] == ["169.254.8.8/16", "fe80::8/64"]
    with pytest.raises(EngineError, match="interface name front0 is already in use"):
        endpoints.make(book(FRONT), FRONT, EndpointWish(options=options), "", [found])
    with pytest.raises(InvalidParameter, match="invalid link-local IP address: x"):
        made(FRONT, local=["x"])
