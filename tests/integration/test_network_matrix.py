"""The network tests again, where bridged packets pass iptables or not, and where a foreign FORWARD policy drops or not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.surroundings import ALL, VARIABLE
from tests.integration.network_lab import in_lab, lab, run

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
ROOMS = [
    "tests/integration/test_network_room.py",
    "tests/integration/test_user_networks.py",
    "tests/integration/test_gateway_modes.py",
    "tests/integration/test_layered_networks.py",
    "tests/integration/test_foreign_firewalls.py",
]
DAEMONS = [
    "tests/integration/test_network_churn.py",
    "tests/integration/test_network_operations.py",
    "tests/integration/test_published_under_load.py",
    "tests/clients/test_networks_cli.py",
    "tests/clients/test_names_inside.py",
]
SHORT = "reaches_outside or routed_ports_are_shown or withdrawn_ipv6"


def passed(surroundings: str, *arguments: str) -> int:
    """How many tests passed there; what failed is said."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=ROOT,
        env={**os.environ, VARIABLE: surroundings},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{surroundings}: {done.stdout[-8000:]}\n{done.stderr[-2000:]}"
    found = re.search(r"(\d+) passed", done.stdout)
    print(f"{surroundings}: {done.stdout.splitlines()[-1]}")
    return int(found[1]) if found else 0


@pytest.mark.parametrize("surroundings", ALL)
@in_lab
async def test_lab_is_what_the_environment_says(surroundings: str) -> None:
    os.environ[VARIABLE] = surroundings
    bridge_nf, policy = surroundings.split()
    async with lab():
        for family in ("iptables", "ip6tables"):
            found = run("sysctl", "-n", f"net.bridge.bridge-nf-call-{family}")
            assert found == f"{bridge_nf}\n"
            assert f"-P FORWARD {policy}\n" in run(family, "-S", "FORWARD")


def test_networks_do_their_work_where_bridged_packets_are_filtered_and_forwarding_drops() -> None:
    assert passed("1 DROP", "-k", SHORT, *ROOMS) >= 4


@pytest.mark.torture
@pytest.mark.parametrize("surroundings", ALL)
def test_all_network_tests_in_all_surroundings(surroundings: str) -> None:
    assert passed(surroundings, *ROOMS, *DAEMONS) >= 60
