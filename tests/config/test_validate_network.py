from __future__ import annotations

import pytest

from config.errors import ConfigError
from config.schema import Settings
from config.sections import AddressPool
from config.validate_network import NETWORK_CHECKS


def check(**settings: object) -> None:
    made = Settings(**settings)  # type: ignore[arg-type]
    for each in NETWORK_CHECKS:
        each(made)


@pytest.mark.parametrize(
    ("settings", "key", "text"),
    [
        (
            {"bridge": "br0", "bip": "10.0.0.1/24"},
            "bip",
            "You specified -b & --bip, mutually exclusive options. Please specify only one",
        ),
        ({"bridge": "br0", "bip6": "fd00::1/64"}, "bip6", "You specified -b & --bip6"),
        ({"bridge": "a/b"}, "bridge", "invalid bridge name: 'a/b'"),
        ({"bridge": "x" * 16}, "bridge", "invalid bridge name"),
        ({"bridge": ".."}, "bridge", "invalid bridge name"),
        ({"iptables": False, "icc": False}, "icc", "You specified --iptables=false with --icc=f"),
        ({"firewall_backend": "iptables"}, "firewall-backend", 'invalid firewall-backend "iptab'),
        ({"bridge_accept_fwmark": "x"}, "bridge-accept-fwmark", 'invalid firewall mark "x"'),
        ({"bip": "fd00::1/64"}, "bip", "invalid bip: fd00::1/64 is not IPv4"),
        ({"bip": "10.0.0.1/33"}, "bip", "invalid bip: "),
        ({"bip6": "10.0.0.1/24"}, "bip6", "invalid bip6: 10.0.0.1/24 is not IPv6"),
        (
            {"bip": "10.0.0.1/24", "fixed_cidr": "10.0.1.0/25"},
            "fixed-cidr",
            "invalid fixed-cidr: 10.0.1.0/25 is outside of bip 10.0.0.1/24",
        ),
        ({"bip": "10.0.0.1/24", "fixed_cidr": "10.0.0.0/16"}, "fixed-cidr", "is outside of bip"),
        ({"bip": "10.0.0.1/24", "default_gateway": "10.1.0.2"}, "default-gateway", "is outside"),
        (
            {"bip6": "fd00::1/64", "fixed_cidr_v6": "fd01::/80"},
            "fixed-cidr-v6",
            "is outside of bip6 fd00::1/64",
        ),
        ({"default_gateway_v6": "10.0.0.1"}, "default-gateway-v6", "is not IPv6"),
        (
            {"default_address_pools": (AddressPool("10.0.0.0/16", 8),)},
            "default-address-pools",
            "base=10.0.0.0/16,size=8: the size must be between 16 and 32",
        ),
        (
            {"default_address_pools": (AddressPool("nowhere", 8),)},
            "default-address-pools",
            "the base is not a CIDR",
        ),
        ({"mtu": -1}, "mtu", "invalid default MTU: -1"),
        ({"network_control_plane_mtu": -1}, "network-control-plane-mtu", "control plane MTU: -1"),
        ({"network_diagnostic_port": 65536}, "network-diagnostic-port", "between 0 and 65535"),
    ],
)
def test_what_cannot_be_is_refused_with_its_key(
    settings: dict[str, object], key: str, text: str
) -> None:
    with pytest.raises(ConfigError) as refusal:
        check(**settings)
    assert text in str(refusal.value)
    assert refusal.value.key == key


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"bridge": "none"},
        {"bip": "10.0.0.1/24", "bip6": "fd00::1/64", "mtu": 0},
        {"ip": "::"},
        {"bridge_accept_fwmark": "0x1/0xff"},
        {"icc": False},
        {"default_address_pools": (AddressPool("10.0.0.0/8", 24), AddressPool("fd00::/48", 64))},
    ],
)
def test_what_can_be_is_taken(settings: dict[str, object]) -> None:
    check(**settings)
