"""The port as a whole: each call in a thread, with its namespaces below the exec root."""

from __future__ import annotations

import os
import tempfile
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from engine.adapters.netlink.adapter import Netlink
from engine.domain.networks.ports import BridgeSpec
from engine.errors import Conflict
from tests.integration.network_lab import in_lab, run

SPEC = BridgeSpec(
    name="t0",
    address=IPv4Interface("10.1.0.1/24"),
    mac="02:42:01:02:03:04",
    mtu=1400,
    alias="trimaran:e1",
)


def test_namespaces_are_named_by_the_beginning_of_their_sandbox(tmp_path: Path) -> None:
    path = Netlink(tmp_path).namespace_path("0123456789abcdef")
    assert path == str(tmp_path / "netns" / "0123456789ab")


@pytest.mark.integration
@in_lab
async def test_bridge_is_made_surveyed_and_removed() -> None:
    with tempfile.TemporaryDirectory() as root:
        netlink = Netlink(Path(root))
        assert (await netlink.survey("t0")).bridge_address is None
        await netlink.ensure_bridge(SPEC)
        view = await netlink.survey("t0")
        assert (view.bridge_address, view.bridge_alias) == (SPEC.address, "trimaran:e1")
        await netlink.remove_link("t0", "somebody else's")
        assert "t0" in run("ip", "-o", "link")
        await netlink.remove_link("t0", "trimaran:e1")
        assert "t0" not in run("ip", "-o", "link")


@pytest.mark.integration
@in_lab
async def test_namespaces_come_and_go_and_this_process_stays_where_it_is() -> None:
    own = os.readlink("/proc/self/ns/net")
    with tempfile.TemporaryDirectory() as root:
        netlink = Netlink(Path(root))
        paths = [netlink.namespace_path(letter * 20) for letter in "abc"]
        for path in paths:
            await netlink.create_namespace(path, [])
        with pytest.raises(Conflict):
            await netlink.create_namespace(paths[0], [])
        await netlink.remove_namespace(paths[0])
        assert await netlink.sweep_namespaces({paths[1]}) == {paths[1]}
        assert os.listdir(Path(root, "netns")) == ["b" * 12]
        await netlink.remove_namespace(paths[1])
    assert os.readlink("/proc/self/ns/net") == own


@pytest.mark.integration
@in_lab
async def test_forwarding_is_switched_on_and_flows_are_forgotten() -> None:
    run("ip", "link", "set", "lo", "up")
    with tempfile.TemporaryDirectory() as root:
        netlink = Netlink(Path(root))
        await netlink.enable_forwarding()
        assert run("cat", "/proc/sys/net/ipv4/ip_forward") == "1\n"
        await netlink.forget_flows([])
        assert await netlink.sweep("trimaran:e1", ()) == ()
