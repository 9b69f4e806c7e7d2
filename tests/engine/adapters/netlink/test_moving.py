"""Interfaces of the host that go into namespaces and come back."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from ipaddress import ip_interface
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.adapters.netlink import namespace
from engine.adapters.netlink.adapter import Netlink
from engine.domain.networks.ports import LinkPlan
from engine.errors import SystemFailure
from tests.integration.network_lab import in_lab, run

pytestmark = pytest.mark.integration
PLAN = LinkPlan(
    source="plug0",
    name="eth0",
    mac="02:42:0a:01:00:02",
    addresses=(ip_interface("10.1.0.2/24"), ip_interface("fd01::2/64")),
    routes=(("10.9.0.0/16", "169.254.1.1"), ("169.254.1.1/32", ""), ("fd02::/64", "fd01::1")),
    sysctls=(("net/ipv4/conf/eth0/forwarding", "1"),),
)


@contextlib.contextmanager
def netlink() -> Iterator[tuple[Netlink, str]]:
    with tempfile.TemporaryDirectory(prefix="trimaran-moving-") as root:
        adapter = Netlink(Path(root))
        path = adapter.namespace_path("0123456789abcdef")
        run("ip", "link", "add", "plug0", "type", "veth", "peer", "name", "plug1")
        run("ip", "link", "set", "plug0", "up")
        try:
            yield adapter, path
        finally:
            namespace.sweep(Path(path).parent, ())


def inside(path: str, *command: str) -> str:
    return run("nsenter", f"--net={path}", *command)


@in_lab
async def test_interface_has_all_that_was_asked_and_comes_back_under_its_name() -> None:
    with netlink() as (adapter, path):
        await adapter.create_namespace(path, [])
        assert await adapter.adopt(path, PLAN) == PLAN.mac
        (link,) = json.loads(inside(path, "ip", "-j", "addr", "show", "eth0"))
        assert link["address"] == PLAN.mac
        assert {"10.1.0.2", "fd01::2"} <= {each["local"] for each in link["addr_info"]}
        assert "UP" in link["flags"]
        routes = inside(path, "ip", "route") + inside(path, "ip", "-6", "route")
        assert "10.9.0.0/16 via 169.254.1.1 dev eth0" in routes
        assert "169.254.1.1 dev eth0 scope link" in routes
        assert "fd02::/64 via fd01::1" in routes
        assert inside(path, "sysctl", "-n", "net.ipv4.conf.eth0.forwarding").strip() == "1"
        assert "plug0" not in run("ip", "link")
        await adapter.give_back(path, "eth0", "plug0")
        assert "plug0" in run("ip", "link")
        assert "eth0" not in inside(path, "ip", "link")
        await adapter.give_back(path, "eth0", "plug0")  # it is gone already


@in_lab
async def test_interface_keeps_its_own_mac_where_none_was_asked() -> None:
    with netlink() as (adapter, path):
        await adapter.create_namespace(path, [])
        (link,) = json.loads(run("ip", "-j", "link", "show", "plug0"))
        plan = LinkPlan(source="plug0", name="eth0", addresses=PLAN.addresses[:1])
        assert await adapter.adopt(path, plan) == link["address"]


@in_lab
async def test_what_cannot_be_set_up_stays_on_the_host() -> None:
    with netlink() as (adapter, path):
        await adapter.create_namespace(path, [])
        for spoilt in (
            replace(PLAN, routes=(("10.9.0.0/16", "203.0.113.1"),)),
            replace(PLAN, sysctls=(("net/ipv4/conf/eth0/none", "1"),)),
        ):
            with pytest.raises(SystemFailure):
                await adapter.adopt(path, spoilt)
            assert "plug0" in run("ip", "link")
        with pytest.raises(SystemFailure, match="there is no interface plug9"):
            await adapter.adopt(path, replace(PLAN, source="plug9"))
