from __future__ import annotations

import pytest

from engine.domain.networks.endpointoptions import (
    IFNAME,
    SYSCTLS,
    EndpointOptions,
    parse_options,
    sysctl_path,
)
from engine.errors import InvalidParameter


def test_name_and_sysctls_are_taken_and_other_options_left() -> None:
    sysctls = "net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.conf.IFNAME.accept_ra=2"
    found = parse_options({IFNAME: "front0", SYSCTLS: sysctls, "com.example.other": "x"})
    assert found == EndpointOptions("front0", sysctls.split(","))
    assert parse_options({}) == EndpointOptions()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({IFNAME: "../escape"}, "invalid interface name: ../escape"),
        ({IFNAME: "sixteen-letters-"}, "invalid interface name"),
        ({SYSCTLS: "net.ipv4.conf.IFNAME.x"}, "to have format name=value"),
        ({SYSCTLS: "net.ipv4.conf.eth0.x=1"}, "to have format net.X.Y.IFNAME.Z"),
        ({SYSCTLS: "kernel.ipv4.conf.IFNAME.x=1"}, "to have format net.X.Y.IFNAME.Z"),
        ({SYSCTLS: "net.ipv4.conf.IFNAME.a.b=1"}, "to have format net.X.Y.IFNAME.Z"),
        ({SYSCTLS: "net.ipv4.a/b.IFNAME.x=1"}, "to have format net.X.Y.IFNAME.Z"),
        ({SYSCTLS: "net.ipv4..IFNAME.x=1"}, "to have format net.X.Y.IFNAME.Z"),
    ],
)
def test_what_is_wrong_is_said(options: dict[str, str], text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        parse_options(options)


def test_path_is_that_of_the_interface() -> None:
    found = sysctl_path("net.ipv4.conf.IFNAME.log_martians=1", "vlan.7")
    assert found == ("net/ipv4/conf/vlan.7/log_martians", "1")
