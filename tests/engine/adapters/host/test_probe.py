from __future__ import annotations

import os

import pytest

from engine.adapters.host.probe import TICKS, HostProbe, parse_cpu, parse_net_dev
from engine.errors import InvalidParameter

STAT = """cpu  1 2 3 4 5 6 7 100 200 300
cpu0 1 2 3 4 5 6 7 100 0 0
cpu1 0 0 0 0 0 0 0 0 0 0
intr 12345
"""
NET_DEV = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:       9       9    0    0    0     0          0         0        9       9    0    0    0     0       0          0
  eth0:    1112      12    1    2    0     0          0         0       34       5    6    7    0     0       0          0
"""


def test_cpu_time_leaves_out_what_guests_have_stolen() -> None:
    assert parse_cpu(STAT) == (28 * 1_000_000_000 // TICKS, 2)


def test_interfaces_are_counted_without_the_loopback() -> None:
    assert parse_net_dev(NET_DEV) == {
        "eth0": {
            "rx_bytes": 1112,
            "rx_packets": 12,
            "rx_errors": 1,
            "rx_dropped": 2,
            "tx_bytes": 34,
            "tx_packets": 5,
            "tx_errors": 6,
            "tx_dropped": 7,
        }
    }


async def test_ps_lists_and_complains() -> None:
    probe = HostProbe()
    assert str(os.getpid()) in await probe.ps(["-o", "pid", f"-q{os.getpid()}"])
    with pytest.raises(InvalidParameter, match=r"ps: .*unknown"):
        await probe.ps(["--nosuch"])


async def test_the_machines_own_counters_can_be_read() -> None:
    probe = HostProbe()
    total, cpus = probe.cpu()
    assert total > 0
    assert cpus >= 1
    assert "lo" not in probe.network(os.getpid())
    assert probe.network(2**22 + 1) == {}
