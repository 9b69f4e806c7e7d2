from __future__ import annotations

import pytest

from engine.domain.networks.bindings import (
    ContainerPort,
    PortRequest,
    parse_exposed,
    parse_host_port,
    parse_port,
    parse_ports,
)
from engine.errors import InvalidParameter
from engine.models.networks import PortBinding

TCP80 = ContainerPort(80, "tcp")


@pytest.mark.parametrize(
    ("text", "expected"), [("80", "80/tcp"), ("53/udp", "53/udp"), ("7/SCTP", "7/sctp")]
)
def test_port_names_its_protocol_or_means_tcp(text: str, expected: str) -> None:
    assert str(parse_port(text)) == expected


@pytest.mark.parametrize("text", ["", "0", "65536", "x/tcp", "80/foo", "-1"])
def test_nonsense_port_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter):
        parse_port(text)


def test_exposed_range_is_every_port_of_it() -> None:
    assert [str(p) for p in parse_exposed(["81-82/tcp", "53/udp"])] == [
        "53/udp",
        "81/tcp",
        "82/tcp",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", (0, 0)), ("0", (0, 0)), ("80", (80, 80)), ("80-90", (80, 90))],
)
def test_host_port_is_none_one_or_a_range(text: str, expected: tuple[int, int]) -> None:
    assert parse_host_port(text) == expected


@pytest.mark.parametrize("text", ["bad", "99999", "-1", "90-80", "80-"])
def test_bad_host_port_is_refused_in_dockerds_words(text: str) -> None:
    with pytest.raises(InvalidParameter, match="invalid port specification"):
        parse_host_port(text)


def test_bindings_keep_their_order_and_ports_are_sorted() -> None:
    bindings = {
        "443/tcp": [PortBinding(host_ip="", host_port="8443")],
        "80": [
            PortBinding(host_ip="127.0.0.1", host_port="8081"),
            PortBinding(host_ip="", host_port="8080-8082"),
        ],
    }
    assert parse_ports((), bindings) == [
        PortRequest(TCP80, "127.0.0.1", 8081, 8081),
        PortRequest(TCP80, "", 8080, 8082),
        PortRequest(ContainerPort(443, "tcp"), "", 8443, 8443),
    ]


def test_publish_all_takes_what_is_exposed_and_not_bound() -> None:
    bindings = {"80/tcp": [PortBinding(host_ip="", host_port="77")]}
    assert parse_ports(["80/tcp", "53/udp"], bindings, publish_all=True) == [
        PortRequest(ContainerPort(53, "udp")),
        PortRequest(TCP80, "", 77, 77),
    ]


def test_exposed_port_alone_is_not_published() -> None:
    assert parse_ports(["80/tcp"], {"80/tcp": None}) == []


def test_unreadable_host_ip_does_not_publish_to_the_world() -> None:
    with pytest.raises(InvalidParameter, match="invalid IP address: zz"):
        parse_ports((), {"80": [PortBinding(host_ip="zz", host_port="1")]})
