from __future__ import annotations

from typing import Any

import msgspec
import pytest

from engine.domain.networks.predefined import bridge_spec
from engine.domain.networks.requests import configured, draft
from engine.errors import EngineError, Forbidden, InvalidParameter, Unavailable
from engine.models.networks import IPAM, IPAMConfig, NetworkCreateRequest


def request(
    *config: IPAMConfig, driver: str = "", ipam: str = "default", **rest: Any
) -> NetworkCreateRequest:
    wanted = IPAM(driver=ipam, config=list(config))
    return NetworkCreateRequest(**{"name": "n", "driver": driver, "ipam": wanted, **rest})


def test_bare_request_is_a_bridge_that_leaves_the_subnet_to_us() -> None:
    record = draft(request(), {}, 1400)
    assert (record.driver, record.bridge) == ("bridge", f"br-{record.id[:12]}")
    assert (record.subnet, record.ipv4, record.ipv6, record.mtu) == ("", True, False, 1400)
    assert (record.icc, record.masquerade, record.internal) == (True, True, False)


def test_options_of_the_bridge_are_taken() -> None:
    options = {
        "com.docker.network.bridge.name": "front0",
        "com.docker.network.bridge.enable_icc": "false",
        "com.docker.network.bridge.enable_ip_masquerade": "0",
        "com.docker.network.bridge.host_binding_ipv4": "127.0.0.1",
        "com.docker.network.driver.mtu": "1450",
        "com.docker.network.container_iface_prefix": "net",
    }
    record = draft(request(options=options), {"bridge": {"com.docker.network.driver.mtu": "9"}}, 0)
    assert (record.bridge, record.icc, record.masquerade) == ("front0", False, False)
    assert (record.host_ip, record.mtu, record.prefix) == ("127.0.0.1", 1450, "net")
    assert record.options == options


def test_daemons_options_are_defaults_of_their_driver() -> None:
    defaults = {"bridge": {"com.docker.network.driver.mtu": "1300"}, "macvlan": {"parent": "x"}}
    assert draft(request(), defaults, 1500).mtu == 1300


def test_both_families_are_addressed_as_asked() -> None:
    record = draft(
        request(
            IPAMConfig(subnet="10.0.0.0/24", gateway="10.0.0.9", ip_range="10.0.0.128/25"),
            IPAMConfig(subnet="fd00::/64", auxiliary_addresses={"router": "fd00::5"}),
            enable_ipv6=True,
        ),
        {},
        0,
    )
    assert (record.subnet, record.gateway, record.ip_range) == (
        "10.0.0.0/24",
        "10.0.0.9",
        "10.0.0.128/25",
    )
    assert (record.subnet6, record.gateway6, record.auxiliary6) == (
        "fd00::/64",
        "",
        {"router": "fd00::5"},
    )


def test_macvlan_without_parent_leads_nowhere() -> None:
    record = draft(request(driver="macvlan"), {}, 0)
    assert (record.parent, record.mode, record.internal) == (f"dm-{record.id[:12]}", "bridge", True)
    outside = draft(
        request(driver="ipvlan", options={"parent": "eth0.10", "ipvlan_mode": "l3"}), {}, 0
    )
    assert (outside.parent, outside.mode, outside.internal) == ("eth0.10", "l3", False)


@pytest.mark.parametrize(
    ("wrong", "kind", "text"),
    [
        (request(name=" "), InvalidParameter, "invalid name"),
        (request(name="bridge"), Forbidden, "operation is not permitted on predefined bridge net"),
        (request(driver="host"), Forbidden, 'only one instance of "host" network is allowed'),
        (request(driver="overlay"), Unavailable, "This node is not a swarm manager"),
        (request(ipam="null"), InvalidParameter, "the null IPAM driver gives no addresses"),
        (request(IPAMConfig(subnet="nonsense")), InvalidParameter, "invalid CIDR address: nonsen"),
        (request(IPAMConfig(subnet="10.0.0.1/24")), InvalidParameter, "should be 10.0.0.0/24"),
        (request(IPAMConfig(gateway="10.0.0.1")), InvalidParameter, "needs a subnet"),
        (
            request(IPAMConfig(subnet="10.0.0.0/24", gateway="10.1.0.1")),
            InvalidParameter,
            "parent subnet is 10.0.0.0/24",
        ),
        (
            request(IPAMConfig(subnet="10.0.0.0/24", ip_range="10.0.0.0/16")),
            InvalidParameter,
            "invalid ip-range 10.0.0.0/16: parent subnet is 10.0.0.0/24",
        ),
        (
            request(IPAMConfig(subnet="10.0.0.0/24"), IPAMConfig(subnet="10.1.0.0/24")),
            Forbidden,
            "bridge driver doesn't support multiple subnets",
        ),
        (
            request(IPAMConfig(subnet="fd00::/64"), enable_ipv6=False),
            InvalidParameter,
            "IPv6 is not enabled",
        ),
        (
            request(options={"com.docker.network.driver.mtu": "abc"}),
            InvalidParameter,
            r"failed to parse com.docker.network.driver.mtu value: abc \(strconv.Atoi",
        ),
        (
            request(options={"com.docker.network.bridge.enable_icc": "maybe"}),
            InvalidParameter,
            r"enable_icc value: maybe \(strconv.ParseBool",
        ),
        (
            request(options={"com.docker.network.bridge.name": "../../etc"}),
            InvalidParameter,
            "invalid interface name",
        ),
        (
            request(options={"com.docker.network.bridge.gateway_mode_ipv4": "odd"}),
            InvalidParameter,
            "unknown gateway mode odd",
        ),
        (
            request(options={"com.docker.network.bridge.gateway_mode_ipv6": "isolated"}),
            InvalidParameter,
            "gateway mode 'isolated' can only be used for an internal network",
        ),
        (
            request(driver="macvlan", options={"macvlan_mode": "odd"}),
            InvalidParameter,
            "requested macvlan mode 'odd' is not valid",
        ),
    ],
)
def test_what_cannot_be_is_refused(
    wrong: NetworkCreateRequest, kind: type[EngineError], text: str
) -> None:
    with pytest.raises(kind, match=text):
        draft(wrong, {}, 0)


def test_configuration_network_lends_what_it_holds() -> None:
    source = draft(
        request(
            IPAMConfig(subnet="10.0.0.0/24"),
            config_only=True,
            labels={"a": "1", "b": "1"},
            internal=True,
        ),
        {},
        0,
    )
    asked = configured(NetworkCreateRequest(name="m", labels={"b": "2"}), source)
    record = draft(asked, {}, 0)
    assert (record.subnet, record.labels, record.internal) == (
        "10.0.0.0/24",
        {"a": "1", "b": "2"},
        True,
    )
    with pytest.raises(InvalidParameter, match="depends on a configuration network"):
        configured(request(IPAMConfig(subnet="10.9.0.0/24")), source)


def test_macvlan_may_have_several_subnets_of_a_family() -> None:
    record = draft(
        request(
            IPAMConfig(subnet="10.0.0.0/24", gateway="10.0.0.9"),
            IPAMConfig(subnet="fd00::/64"),
            IPAMConfig(subnet="10.1.0.0/24", auxiliary_addresses={"router": "10.1.0.3"}),
            IPAMConfig(subnet="10.2.0.0/24", gateway="10.2.0.7", ip_range="10.2.0.128/25"),
            driver="macvlan",
            enable_ipv6=True,
            options={"parent": "eth0"},
        ),
        {},
        0,
    )
    found = [(each.subnet, each.gateway, each.ip_range) for each in record.rooms(4)]
    assert found == [
        ("10.0.0.0/24", "10.0.0.9", ""),
        ("10.1.0.0/24", "10.1.0.1", ""),
        ("10.2.0.0/24", "10.2.0.7", "10.2.0.128/25"),
    ]
    assert record.rooms(4)[1].auxiliary == {"router": "10.1.0.3"}
    assert [each.subnet for each in record.rooms(6)] == ["fd00::/64"]


def test_subnets_of_one_network_do_not_overlap() -> None:
    twice = IPAMConfig(subnet="10.0.0.0/16"), IPAMConfig(subnet="10.0.7.0/24")
    with pytest.raises(Forbidden, match="Pool overlaps with other one on this address space"):
        draft(request(*twice, driver="ipvlan"), {}, 0)


def test_configuration_may_have_several_subnets_and_is_taken_over_whole() -> None:
    several = IPAMConfig(subnet="10.0.0.0/24"), IPAMConfig(subnet="10.1.0.0/24", gateway="10.1.0.4")
    source = draft(request(*several, config_only=True), {}, 0)
    asked = configured(NetworkCreateRequest(name="m", driver="macvlan"), source)
    assert [each.subnet for each in draft(asked, {}, 0).rooms(4)] == ["10.0.0.0/24", "10.1.0.0/24"]
    with pytest.raises(Forbidden, match="bridge driver doesn't support multiple subnets"):
        draft(configured(NetworkCreateRequest(name="m"), source), {}, 0)


def test_bridge_may_be_without_an_address_of_its_own() -> None:
    asked = request(options={"com.docker.network.bridge.inhibit_ipv4": "true"})
    record = msgspec.structs.replace(
        draft(asked, {}, 1500), subnet="10.0.0.0/24", gateway="10.0.0.1"
    )
    assert bridge_spec(record, "trimaran:e1").address is None
    assert bridge_spec(msgspec.structs.replace(record, bare=False), "trimaran:e1").address
