from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Interface, IPv6Network

import msgspec
import pytest

from engine.domain.networks import predefined
from engine.domain.networks.ports import HostView
from engine.domain.networks.settings import NetworkSettings

SETTINGS = NetworkSettings(engine_id="e1")
BARE = HostView(routes=(), bridge_address=None, bridge_alias=None, bridge_ports=0, uplink_mtu=1500)
STORED = predefined.default_bridge(SETTINGS, IPv4Interface("172.20.0.1/16"), 1500, None)


def with_bridge(alias: str, address: str = "10.5.0.1/24") -> HostView:
    return HostView(
        routes=(),
        bridge_address=IPv4Interface(address),
        bridge_alias=alias,
        bridge_ports=0,
        uplink_mtu=1500,
    )


def test_bip_decides() -> None:
    settings = NetworkSettings(engine_id="e1", bip=IPv4Interface("10.9.0.1/24"))
    chosen = predefined.choose_address(settings, with_bridge("trimaran:e1"), STORED, [])
    assert str(chosen) == "10.9.0.1/24"


def test_bridge_of_others_keeps_its_address() -> None:
    chosen = predefined.choose_address(SETTINGS, with_bridge("mine"), STORED, [])
    assert str(chosen) == "10.5.0.1/24"


def test_our_bridge_is_recognised_when_the_record_is_lost() -> None:
    chosen = predefined.choose_address(SETTINGS, with_bridge("trimaran:e1"), None, [])
    assert str(chosen) == "10.5.0.1/24"


def test_stored_subnet_stays_while_nothing_overlaps_it() -> None:
    assert str(predefined.choose_address(SETTINGS, BARE, STORED, [])) == "172.20.0.1/16"
    vpn = [IPv4Network("172.20.3.0/24")]
    assert str(predefined.choose_address(SETTINGS, BARE, STORED, vpn)) == "172.17.0.1/16"


def test_record_keeps_its_identity_through_changes() -> None:
    changed = predefined.default_bridge(
        NetworkSettings(engine_id="e1", icc=False), IPv4Interface("10.0.0.1/24"), 1400, STORED
    )
    assert (changed.id, changed.created) == (STORED.id, STORED.created)
    assert changed.options["com.docker.network.bridge.enable_icc"] == "false"
    assert changed.options["com.docker.network.driver.mtu"] == "1400"


def test_records_survive_the_store() -> None:
    encoded = msgspec.json.encode(STORED)
    assert msgspec.json.decode(encoded, type=type(STORED)) == STORED


def test_bridge_mac_depends_on_engine_and_name_only() -> None:
    spec = predefined.bridge_spec(STORED, "trimaran:e1")
    assert spec.mac.startswith("02:42:")
    assert spec.mac == predefined.bridge_spec(STORED, "trimaran:e1").mac
    assert spec.mac != predefined.bridge_spec(STORED, "trimaran:e2").mac


@pytest.mark.parametrize(
    ("nanoseconds", "expected"),
    [
        (1_700_000_000_123_456_000, "2023-11-14T22:13:20.123456Z"),
        (1_700_000_000_000_000_000, "2023-11-14T22:13:20Z"),
    ],
)
def test_timestamps_look_like_gos(nanoseconds: int, expected: str) -> None:
    assert predefined.timestamp(nanoseconds) == expected


def test_range_of_the_containers_chooses_the_subnet_without_an_address() -> None:
    settings = NetworkSettings(engine_id="e1", fixed_cidr=IPv4Network("10.7.0.0/24"))
    assert str(predefined.choose_address(settings, BARE, None, [])) == "10.7.0.1/24"
    # What was chosen before another range was configured goes; what holds the range stays.
    assert str(predefined.choose_address(settings, BARE, STORED, [])) == "10.7.0.1/24"
    inside = NetworkSettings(engine_id="e1", fixed_cidr=IPv4Network("172.20.4.0/24"))
    assert str(predefined.choose_address(inside, BARE, STORED, [])) == "172.20.0.1/16"


def test_ipv6_address_of_the_bridge_and_range_of_its_containers() -> None:
    settings = NetworkSettings(
        engine_id="e1",
        bip6=IPv6Interface("fd00:1::9/64"),
        fixed_cidr_v6=IPv6Network("fd00:1::1:0/112"),
        default_gateway=IPv4Address("10.0.0.254"),
    )
    record = predefined.default_bridge(settings, IPv4Interface("10.0.0.1/24"), 1500, None)
    assert (record.ipv6, record.subnet6, record.gateway6, record.ip_range6) == (
        True,
        "fd00:1::/64",
        "fd00:1::9",
        "fd00:1::1:0/112",
    )
    assert (record.gateway, record.rooms(4)[0].exit, record.rooms(6)[0].exit) == (
        "10.0.0.1",
        "10.0.0.254",
        "fd00:1::9",
    )
    assert str(predefined.bridge_spec(record, "a").address6) == "fd00:1::9/64"
