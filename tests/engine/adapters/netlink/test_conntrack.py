"""Remembered UDP flows, in a network of the test's own."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from engine.adapters.netlink import conntrack
from engine.domain.networks.ports import PortForward
from tests.integration.network_lab import in_lab, run

pytestmark = pytest.mark.integration
CONTAINER = IPv4Address("10.1.0.2")


def forward(
    port: int, proto: str = "udp", host_ip: str | None = None, container: IPv4Address = CONTAINER
) -> PortForward:
    return PortForward(
        proto=proto,
        host_ip=IPv4Address(host_ip) if host_ip else None,
        host_port=port,
        container_ip=container,
        container_port=53,
    )


def remember(*flows: tuple[str, int]) -> None:
    """Send a datagram to each, over a rule that makes the kernel track them."""
    run("ip", "link", "set", "lo", "up")
    run("ip", "addr", "add", "10.1.0.1/24", "dev", "lo")
    run("ip", "addr", "add", "10.9.0.1/24", "dev", "lo")
    run("nft", "add table ip t")
    run("nft", "add chain ip t out { type filter hook output priority 0; }")
    run("nft", "add rule ip t out ct state new accept")
    for address, port in flows:
        run("bash", "-c", f"echo x > /dev/udp/{address}/{port}")


@in_lab
async def test_flows_to_the_port_are_forgotten_and_others_are_not() -> None:
    remember(("10.1.0.1", 5353), ("10.9.0.1", 5353), ("10.1.0.1", 5354))
    assert conntrack.forget([forward(5353, host_ip="10.1.0.1")]) == 1
    assert conntrack.forget([forward(5353)]) == 1
    assert conntrack.forget([forward(5353)]) == 0
    assert conntrack.forget([forward(5354)]) == 1


@in_lab
async def test_only_udp_is_remembered_that_way() -> None:
    remember(("10.1.0.1", 5353))
    assert conntrack.forget([forward(5353, proto="tcp")]) == 0
    assert conntrack.forget([]) == 0
    assert conntrack.forget([forward(5353)]) == 1
