"""Memory, descriptors and threads of a daemon stay what they are, however long it works."""

from __future__ import annotations

import os

import pytest

from tests.harness.daemon import running_daemon
from tests.harness.soaking import Soak

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, containerd and runc"),
]

MEGABYTE = 1 << 20


def soak(seconds: float, *, memory: int) -> Soak:
    with running_daemon() as daemon:
        made = Soak(daemon, seconds)
        made.run()
        tree = daemon.json("GET", "/_trimaran/status")
        restarts = tree["restarts"]
    assert made.failures == []
    assert min(made.done.values()) > 1
    assert restarts == 0
    resident, descriptors, threads = made.growth()
    assert descriptors <= 10, made.table()
    assert threads <= 5, made.table()
    assert resident <= memory, made.table()
    return made


def test_ten_seconds_leave_nothing_open() -> None:
    """Too short to judge memory by: that is for the long form."""
    soak(10, memory=30 * MEGABYTE)


@pytest.mark.torture
def test_long_soak(capsys: pytest.CaptureFixture[str]) -> None:
    """SOAK_SECONDS, by default half an hour."""
    made = soak(float(os.environ.get("SOAK_SECONDS", "1800")), memory=8 * MEGABYTE)
    with capsys.disabled():
        print(f"\n{made.table()}")
