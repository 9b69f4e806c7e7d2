from __future__ import annotations

import json

import msgspec

from engine.models import gojson
from engine.models.networks import EndpointSettings, NetworkInspect


def test_endpoint_without_wishes_is_as_dockerd_writes_it() -> None:
    assert json.loads(msgspec.json.encode(EndpointSettings())) == {
        "IPAMConfig": None,
        "Links": None,
        "Aliases": None,
        "MacAddress": "",
        "DriverOpts": None,
        "GwPriority": 0,
        "NetworkID": "",
        "EndpointID": "",
        "Gateway": "",
        "IPAddress": "",
        "IPPrefixLen": 0,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "DNSNames": None,
    }


def test_wanted_addresses_round_trip() -> None:
    sent = b'{"IPAMConfig":{"IPv4Address":"10.0.0.2","LinkLocalIPs":["169.254.1.1"]}}'
    endpoint = gojson.decode(sent, EndpointSettings)
    assert endpoint.ipam_config is not None
    assert endpoint.ipam_config.ipv4_address == "10.0.0.2"
    assert endpoint.ipam_config.link_local_ips == ["169.254.1.1"]


def test_network_has_no_null_maps() -> None:
    written = json.loads(msgspec.json.encode(NetworkInspect()))
    assert (written["Containers"], written["Options"], written["Labels"]) == ({}, {}, {})
