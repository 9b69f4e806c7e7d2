"""Endpoints in namespaces of their own."""

from __future__ import annotations

import contextlib
import json
import os
import struct
import tempfile
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest
import trio
from msgspec.structs import replace

from engine.adapters.netlink import endpoint, links, namespace
from engine.adapters.netlink.adapter import Netlink
from engine.domain.networks.ports import BridgeSpec, VethPlan
from engine.errors import Conflict, SystemFailure
from tests.engine.adapters.netlink import attributes
from tests.integration.network_lab import in_lab, run, setting

pytestmark = pytest.mark.integration
SPEC = BridgeSpec(
    name="t0",
    address=IPv4Interface("10.1.0.1/24"),
    mac="02:42:01:02:03:04",
    mtu=1400,
    alias="trimaran:e1",
)
VETH = VethPlan(
    host_name="veth0000001",
    name="eth0",
    bridge="t0",
    mac="02:42:0a:01:00:02",
    address=IPv4Interface("10.1.0.2/24"),
    gateway=IPv4Address("10.1.0.1"),
    mtu=1400,
    alias="trimaran:e1:c1",
)


def inside(path: str, *command: str) -> str:
    return run("nsenter", f"--net={path}", *command)


@contextlib.contextmanager
def netlink() -> Iterator[tuple[Netlink, str]]:
    with tempfile.TemporaryDirectory(prefix="trimaran-endpoint-") as root:
        adapter = Netlink(Path(root))
        path = adapter.namespace_path("0123456789abcdef")
        try:
            yield adapter, path
        finally:
            namespace.sweep(Path(path).parent, ())


@in_lab
async def test_endpoint_is_complete() -> None:
    links.ensure_bridge(SPEC)
    with netlink() as (adapter, path):
        own = os.readlink("/proc/thread-self/ns/net")
        await adapter.create_namespace(path, [VETH])
        assert os.readlink("/proc/thread-self/ns/net") == own
        lo, eth0 = json.loads(inside(path, "ip", "-j", "addr"))
        assert [a["local"] for a in lo["addr_info"]] == ["127.0.0.1"]
        assert (eth0["ifname"], eth0["address"], eth0["mtu"]) == ("eth0", VETH.mac, 1400)
        # No IPv6 on a network that has none.
        assert [a["local"] for a in eth0["addr_info"]] == ["10.1.0.2"]
        assert eth0["operstate"] == "UP"
        assert "default via 10.1.0.1 dev eth0" in inside(path, "ip", "route")
        port = run("ip", "-d", "link", "show", "veth0000001")
        for sign in ("master t0", "hairpin on", "isolated off", "alias trimaran:e1:c1"):
            assert sign in port
        await adapter.remove_namespace(path)
        await adapter.remove_namespace(path)
        assert not await trio.Path(path).exists()


@in_lab
async def test_isolation_is_left_to_the_firewall_where_the_bridge_asks_it() -> None:
    links.ensure_bridge(SPEC)
    with netlink() as (adapter, path):
        alone = replace(VETH, isolated=True)
        for asks, sign in (("0", "isolated on"), ("1", "isolated off")):
            setting("bridge/bridge-nf-call-iptables", asks)
            await adapter.create_namespace(path, [alone])
            assert sign in run("ip", "-d", "link", "show", "veth0000001")
            run("ip", "link", "delete", "veth0000001")
            await adapter.remove_namespace(path)


@in_lab
async def test_second_interface_joins_a_namespace() -> None:
    links.ensure_bridge(SPEC)
    with netlink() as (adapter, path):
        await adapter.create_namespace(path, [VETH])
        second = replace(
            VETH, host_name="veth0000002", name="eth1", mac="02:42:0a:01:00:03", gateway=None,
            address=IPv4Interface("10.1.0.3/24"),
        )  # fmt: skip
        await adapter.attach(path, second)
        names = [link["ifname"] for link in json.loads(inside(path, "ip", "-j", "link"))]
        assert names == ["lo", "eth0", "eth1"]
        await adapter.remove_namespace(path)


@in_lab
async def test_failed_step_leaves_no_namespace() -> None:
    links.ensure_bridge(SPEC)
    with netlink() as (adapter, path):
        with pytest.raises(SystemFailure, match="there is no interface nope0"):
            await adapter.create_namespace(path, [replace(VETH, bridge="nope0")])
        run("ip", "link", "add", "veth0000001", "type", "veth", "peer", "name", "x")
        with pytest.raises(SystemFailure, match="create veth veth0000001: file exists"):
            await adapter.create_namespace(path, [VETH])
        assert not await trio.Path(path).exists()


@in_lab
async def test_namespace_in_use_is_not_replaced() -> None:
    with netlink() as (adapter, path):
        await adapter.create_namespace(path, [])
        inode = os.stat(path).st_ino
        with pytest.raises(Conflict, match="is bound to"):
            await adapter.create_namespace(path, [])
        assert os.stat(path).st_ino == inode
        await adapter.remove_namespace(path)


@in_lab
async def test_sweep_keeps_what_is_kept_and_alive() -> None:
    with netlink() as (adapter, path):
        await adapter.create_namespace(path, [])
        stale, dead = (adapter.namespace_path(name) for name in ("stale", "dead"))
        await adapter.create_namespace(stale, [])
        await trio.Path(dead).touch()
        assert await adapter.sweep_namespaces({path, dead}) == {path}
        assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]
        assert await adapter.sweep_namespaces(()) == frozenset()


@in_lab
async def test_interface_has_its_sysctls_and_link_local_addresses() -> None:
    links.ensure_bridge(SPEC)
    local = (IPv4Interface("169.254.8.8/16"),)
    sysctl = "net/ipv4/conf/eth0/log_martians"
    with netlink() as (adapter, path):
        veth = replace(VETH, local=local, sysctls=((sysctl, "1"),))
        await adapter.create_namespace(path, [veth])
        assert inside(path, "cat", f"/proc/sys/{sysctl}") == "1\n"
        eth0 = json.loads(inside(path, "ip", "-j", "addr", "show", "eth0"))[0]["addr_info"]
        assert [each["local"] for each in eth0] == ["10.1.0.2", "169.254.8.8"]
        await adapter.remove_namespace(path)
        absent = (("net/ipv4/conf/eth0/nosuch", "1"),)
        wrong = replace(VETH, host_name="veth0000002", sysctls=absent)
        with pytest.raises(SystemFailure, match="failed to set sysctl net/ipv4/conf/eth0/nosuch=1"):
            await adapter.create_namespace(path, [wrong])
        assert not await trio.Path(path).exists()


@pytest.mark.parametrize(("mode", "number"), [("l2", 0), ("l3", 1), ("l3s", 2)])
def test_ipvlan_is_asked_for_as_the_kernel_reads_it(mode: str, number: int) -> None:
    plan = replace(VETH, kind="ipvlan", mode=mode, mac="", bridge="up0")
    found = attributes.of_link(endpoint._child(plan, 7, 9))
    assert attributes.kind_of(found) == ("ipvlan", {1: struct.pack("=H", number)})
    assert attributes.text(found[attributes.IFNAME]) == "eth0"
    assert found[attributes.LINK] == struct.pack("=I", 7)
    assert found[attributes.NET_NS_FD] == struct.pack("=I", 9)
    assert attributes.ADDRESS not in found  # it has its parent's


@pytest.mark.parametrize(
    ("mode", "number"), [("private", 1), ("vepa", 2), ("bridge", 4), ("passthru", 8)]
)
def test_macvlan_is_asked_for_as_the_kernel_reads_it(mode: str, number: int) -> None:
    plan = replace(VETH, kind="macvlan", mode=mode, bridge="up0")
    found = attributes.of_link(endpoint._child(plan, 7, 9))
    assert attributes.kind_of(found) == ("macvlan", {1: struct.pack("=I", number)})
    assert found[attributes.ADDRESS] == bytes.fromhex(VETH.mac.replace(":", ""))
    assert found[attributes.LINK] == struct.pack("=I", 7)
    assert found[attributes.NET_NS_FD] == struct.pack("=I", 9)
