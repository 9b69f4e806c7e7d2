from __future__ import annotations

import pytest

from engine.domain.containers.portspecs import check_bindings, parse_port, parse_range
from engine.errors import InvalidParameter
from engine.models.networks import PortBinding


def test_protocol_is_tcp_unless_said() -> None:
    assert parse_port("80") == (80, "tcp")
    assert parse_port("53/UDP") == (53, "udp")


def test_host_port_may_be_a_range_or_any() -> None:
    assert parse_range("") is None
    assert parse_range("80") == (80, 80)
    assert parse_range("80-90") == (80, 90)


@pytest.mark.parametrize(
    ("port", "host_port", "named"),
    [
        ("x", "80", "x"),
        ("80-81/tcp", "80", "80-81"),
        ("99999/tcp", "80", "99999"),
        ("80/tcp", "x", "x"),
        ("80/tcp", "99999", "99999"),
        ("80/tcp", "90-80", "90-80"),
        ("80/tcp", "-1", "-1"),
    ],
)
def test_bad_ports_are_refused(port: str, host_port: str, named: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        check_bindings({port: [PortBinding(host_port=host_port)]})
    assert str(caught.value) == f'invalid port specification: "{named}"'


def test_binding_of_nothing_passes() -> None:
    check_bindings({"80/tcp": None, "81/tcp": [], "": [PortBinding(host_port="1")]})
