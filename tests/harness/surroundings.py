"""What else a network namespace has: whether bridged packets pass iptables, and a foreign FORWARD policy.

`test_network_matrix` runs the network tests again in each of them. The environment says which, because
labs and daemons are in processes of their own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import product

VARIABLE = "NETWORK_TEST_SURROUNDINGS"
ALL = [" ".join(each) for each in product("01", ("ACCEPT", "DROP"))]
"""`bridge-nf-call-iptables`, and the policy that somebody's iptables-nft has for FORWARD."""


def surround(inside: Callable[..., object]) -> None:
    """Make the namespace so in which `inside` runs commands; without the variable it stays as it is."""
    chosen = os.environ.get(VARIABLE)
    if chosen is None:
        return
    bridge_nf, policy = chosen.split()
    for family in ("iptables", "ip6tables"):
        inside("sysctl", "-qw", f"net.bridge.bridge-nf-call-{family}={bridge_nf}")
        inside(family, "-P", "FORWARD", policy)
