"""Beside ufw and firewalld: their forward chains drop what they do not know, and our traffic passes all the same.

The rules are of the shape that these programs load; the programs are not run.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.network_lab import HOST, NEIGHBOUR, in_lab, lab, run
from tests.integration.test_user_networks import (
    HOST6,
    NEIGHBOUR6,
    closed,
    give_ipv6,
    network,
    room,
    start,
)

pytestmark = pytest.mark.integration

FIREWALLD = """
table inet firewalld {
  chain filter_FORWARD {
    type filter hook forward priority filter + 10; policy accept;
    ct state { established, related } accept
    iifname "lo" accept
    jump filter_FORWARD_POLICIES
    ct state invalid drop
    reject with icmpx admin-prohibited
  }
  chain filter_FORWARD_POLICIES { iifname "foreign0" accept; }
}
"""


def load_ufw() -> None:
    for family, own in (("iptables", "ufw"), ("ip6tables", "ufw6")):
        run(family, "-P", "FORWARD", "DROP")
        for chain in (f"{own}-before-forward", f"{own}-reject-forward"):
            run(family, "-N", chain)
            run(family, "-A", "FORWARD", "-j", chain)
        state = ("-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED")
        run(family, "-A", f"{own}-before-forward", *state, "-j", "ACCEPT")


def load_firewalld() -> None:
    rules = Path("/run/firewalld.nft")
    run("mount", "-t", "tmpfs", "tmpfs", "/run")  # in the lab's own mount namespace
    rules.write_text(FIREWALLD)
    run("nft", "-f", str(rules))


@pytest.mark.parametrize("which", ["ufw", "firewalld"])
@in_lab
async def test_published_ports_and_the_way_out_work_beside_them(which: str) -> None:
    async with lab() as here:
        {"ufw": load_ufw, "firewalld": load_firewalld}[which]()
        before = run("nft", "list", "ruleset")
        async with room(here) as networks:
            give_ipv6(here)
            await network(networks, "six", "10.85.0.0/24", "fd85::/64", enable_ipv6=True)
            web = await start(here, networks, "web", "six", publish="8080")
            old = await start(here, networks, "old", "bridge")
            here.serve(here.neighbour, "tcp", 9000)
            for proto in ("tcp", "udp"):
                assert await here.ask(here.neighbour, proto, HOST, 8080) == f"seen {NEIGHBOUR}"
                assert await here.ask(here.neighbour, proto, HOST6, 8080) == f"seen {NEIGHBOUR6}"
            assert await here.ask(web.path, "tcp", NEIGHBOUR, 9000) == f"seen {HOST}"
            assert await closed(here, old.path, "tcp", web.ip(), 80)
            route = ["ip", "route", "add", "10.85.0.0/24", "via", HOST]
            run("nsenter", f"--net={here.neighbour}", *route)
            assert await closed(here, here.neighbour, "tcp", web.ip(), 80)
            # They load their rules anew whenever they like.
            if which == "firewalld":
                run("nft", "delete", "table", "inet", "firewalld")
                run("nft", "-f", "/run/firewalld.nft")
            else:
                run("iptables", "-F", "FORWARD")
            await here.until(lambda: bool(here.events))
            assert await here.ask(here.neighbour, "tcp", HOST, 8080) == f"seen {NEIGHBOUR}"
        assert before.splitlines()[0] in run("nft", "list", "ruleset")
