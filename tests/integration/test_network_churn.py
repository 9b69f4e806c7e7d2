"""Connections and networks that come and go through the API: nothing is left, and no memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.daemon import Daemon, running_daemon

pytestmark = pytest.mark.integration

MEGABYTE = 1 << 20


def resident(daemon: Daemon) -> int:
    """Bytes of the daemon's own, without what it shares with files."""
    assert daemon.process is not None
    for line in Path(f"/proc/{daemon.process.pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no RssAnon")


def links(daemon: Daemon) -> list[str]:
    shown = daemon.inside("ip", "-o", "link", capture_output=True).stdout
    return sorted(line.split()[1] for line in shown.splitlines())


def connect(daemon: Daemon, times: int) -> None:
    for _ in range(times):
        daemon.json("POST", "/networks/beside/connect", {"Container": "one"})
        daemon.json("POST", "/networks/beside/disconnect", {"Container": "one"})


def come_and_go(daemon: Daemon, times: int) -> None:
    for number in range(times):
        config = [{"Subnet": f"10.{100 + number // 256}.{number % 256}.0/24"}]
        body = {"Name": f"net-{number}", "IPAM": {"Config": config}}
        daemon.json("POST", "/networks/create", body)
    for number in range(times):
        daemon.json("DELETE", f"/networks/net-{number}")


def churn(daemon: Daemon, *, connections: int, networks: int) -> None:
    daemon.docker("network", "create", "--subnet", "10.99.0.0/24", "beside", check=True)
    daemon.docker("run", "-d", "--name", "one", "-p", "8080:80", "busybox", "sleep", "999")
    # What is made once (a resolver, kept answers, the allocator's arenas) is made now.
    connect(daemon, 10)
    come_and_go(daemon, 10)
    before, there = resident(daemon), links(daemon)
    rules = daemon.inside("nft", "list", "ruleset", capture_output=True).stdout
    connect(daemon, connections)
    come_and_go(daemon, networks)
    assert links(daemon) == there
    assert daemon.inside("nft", "list", "ruleset", capture_output=True).stdout == rules
    assert len(daemon.json("GET", "/networks")) == 4
    grown = (resident(daemon) - before) / MEGABYTE
    print(f"grown by {grown:.1f} MB")
    assert grown < 10
    daemon.docker("rm", "-f", "one")


def test_connections_and_networks_leave_nothing() -> None:
    with running_daemon() as daemon:
        churn(daemon, connections=20, networks=20)


@pytest.mark.torture
def test_a_thousand_connections_and_five_hundred_networks_leave_nothing() -> None:
    with running_daemon() as daemon:
        churn(daemon, connections=1000, networks=500)
