"""Bridges and the survey of the host, in a network namespace of their own."""

from __future__ import annotations

import json
import struct
from ipaddress import IPv4Interface, IPv4Network

import pytest
from msgspec.structs import replace

from engine.adapters.netlink import links
from engine.domain.networks.ports import BridgeSpec
from engine.errors import Conflict, SystemFailure
from tests.engine.adapters.netlink import attributes
from tests.integration.network_lab import in_lab, run

pytestmark = pytest.mark.integration
SPEC = BridgeSpec(
    name="t0",
    address=IPv4Interface("10.1.0.1/24"),
    mac="02:42:01:02:03:04",
    mtu=1400,
    alias="trimaran:e1",
)


def shown() -> dict[str, object]:
    (link,) = json.loads(run("ip", "-j", "addr", "show", "t0"))
    inet = [f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"] if a["family"] == "inet"]
    return {"mtu": link["mtu"], "mac": link["address"], "up": "UP" in link["flags"], "inet": inet}


WANTED = {"mtu": 1400, "mac": "02:42:01:02:03:04", "up": True, "inet": ["10.1.0.1/24"]}


@in_lab
async def test_bridge_is_made_as_told_and_then_left_alone() -> None:
    links.ensure_bridge(SPEC)
    index = run("ip", "-o", "link", "show", "t0").split(":")[0]
    links.ensure_bridge(SPEC)
    assert shown() == WANTED
    assert run("ip", "-o", "link", "show", "t0").split(":")[0] == index
    assert run("sysctl", "-n", "net.ipv4.conf.t0.route_localnet") == "1\n"


@in_lab
async def test_wrong_parts_of_our_bridge_are_corrected() -> None:
    links.ensure_bridge(SPEC)
    run("ip", "addr", "add", "10.2.0.1/24", "dev", "t0")
    run("ip", "addr", "del", "10.1.0.1/24", "dev", "t0")
    run("ip", "link", "set", "t0", "down", "mtu", "1500")
    links.ensure_bridge(SPEC)
    assert shown() == WANTED


@in_lab
async def test_bridge_of_others_is_refused_unless_it_fits() -> None:
    run("ip", "link", "add", "t0", "type", "bridge")
    with pytest.raises(Conflict, match="is not ours and does not carry"):
        links.ensure_bridge(SPEC)
    run("ip", "addr", "add", "10.1.0.1/24", "dev", "t0")
    links.ensure_bridge(SPEC)
    assert shown()["mtu"] == 1500
    links.remove_link("t0", SPEC.alias)
    assert shown()["inet"] == ["10.1.0.1/24"]


@in_lab
async def test_name_of_something_else_is_a_conflict() -> None:
    run("ip", "link", "add", "t0", "type", "veth", "peer", "name", "t1")
    with pytest.raises(Conflict, match="is not a bridge"):
        links.ensure_bridge(SPEC)


@in_lab
async def test_survey_tells_routes_and_the_bridge() -> None:
    run("ip", "link", "add", "up0", "mtu", "1300", "type", "veth", "peer", "name", "up1")
    run("ip", "addr", "add", "192.0.2.1/24", "dev", "up0")
    run("ip", "link", "set", "up0", "up")
    run("ip", "route", "add", "default", "via", "192.0.2.9")
    assert links.survey("t0").bridge_alias is None
    links.ensure_bridge(SPEC)
    host = links.survey("t0")
    assert host.routes == (IPv4Network("192.0.2.0/24"),)
    assert (host.bridge_address, host.bridge_alias) == (SPEC.address, SPEC.alias)
    assert (host.uplink_mtu, host.bridge_ports) == (1300, 0)
    run("ip", "link", "set", "up1", "master", "t0")
    assert links.survey("t0").bridge_ports == 1


@in_lab
async def test_sweep_deletes_only_our_veths_that_nobody_owns() -> None:
    for number, alias in enumerate(("trimaran:e1:a", "trimaran:e1:b", "trimaran:e2:a", "")):
        name = f"v{number}"
        run("ip", "link", "add", name, "type", "veth", "peer", "name", f"p{number}")
        run("ip", "link", "set", name, "alias", alias)
    assert links.sweep("trimaran:e1:", {"v1"}) == ("v0",)
    left = {link["ifname"] for link in json.loads(run("ip", "-j", "link"))}
    assert {"v1", "v2", "v3"} <= left
    assert "v0" not in left


@in_lab
async def test_removal_takes_only_our_bridge() -> None:
    links.ensure_bridge(SPEC)
    links.remove_link("t0", "trimaran:e2")
    assert shown() == WANTED
    links.remove_link("t0", SPEC.alias)
    links.remove_link("t0", SPEC.alias)
    assert links.survey("t0").bridge_alias is None
    links.ensure_bridge(replace(SPEC, mtu=1500))


def test_vlan_and_dummy_are_asked_for_as_the_kernel_reads_them() -> None:
    vlan = attributes.of_link(links._new_link("eth0.10", "vlan", [("IFLA_VLAN_ID", 10)], 3))
    assert attributes.kind_of(vlan) == ("vlan", {1: struct.pack("=H", 10)})
    assert attributes.text(vlan[attributes.IFNAME]) == "eth0.10"
    assert vlan[attributes.LINK] == struct.pack("=I", 3)
    dummy = attributes.of_link(links._new_link("dm-0123456789ab", "dummy", []))
    assert attributes.kind_of(dummy) == ("dummy", {})
    assert attributes.LINK not in dummy


@in_lab
async def test_parent_must_be_there_or_have_a_name_to_make_it_by() -> None:
    links.ensure_parent("lo", "trimaran:e1")
    with pytest.raises(SystemFailure, match="-o parent interface was not found on the host: no0"):
        links.ensure_parent("no0.10", "trimaran:e1")
    with pytest.raises(SystemFailure, match="invalid subinterface vlan name no0, example"):
        links.ensure_parent("no0", "trimaran:e1")
    with pytest.raises(SystemFailure, match="unable to parse a valid vlan id from: x"):
        links.ensure_parent("lo.x", "trimaran:e1")
