"""Who switched forwarding on, and what stays closed for it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.adapters.netlink import forwarding
from tests.integration.network_lab import in_lab, run, setting

pytestmark = pytest.mark.integration


@contextlib.contextmanager
def memory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="trimaran-forwarding-") as root:
        yield Path(root) / "network" / "closed.json"


@in_lab
async def test_switching_on_closes_the_links_and_is_remembered() -> None:
    run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1")
    run("ip", "link", "add", "br9", "type", "bridge")
    setting("ipv4/ip_forward", "0")
    with memory() as remembered:
        closed = forwarding.enable(remembered)
        assert {"up0", "up1"} <= set(closed)
        assert not {"lo", "br9"} & set(closed)
        assert run("sysctl", "-n", "net.ipv4.ip_forward") == "1\n"
        assert forwarding.enable(remembered) == closed


@in_lab
async def test_forwarding_of_others_closes_nothing() -> None:
    setting("ipv4/ip_forward", "1")
    with memory() as remembered:
        assert forwarding.enable(remembered) == ()
