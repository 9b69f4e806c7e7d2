"""What a container needs comes after its start: it runs soon after, and until then says what it waits for."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.harness import logreceivers
from tests.harness.daemon import Daemon, running_daemon
from tests.harness.logreceivers import Receiver

pytestmark = pytest.mark.integration

PATIENCE = 30.0
"""Seconds for a try that comes every eight at most, on a busy machine."""
SOON = 10.0


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running_daemon() as daemon:
        yield daemon


def state(daemon: Daemon, name: str) -> dict[str, Any]:
    found: dict[str, Any] = daemon.json("GET", f"/containers/{name}/json")["State"]
    return found


def comes(daemon: Daemon, name: str, words: str, come: Callable[[], object]) -> None:
    """It is restarting, for this reason; when what it waits for has come, it runs."""
    waiting = state(daemon, name)
    assert waiting["Status"] == "restarting", waiting
    assert words in waiting["Error"], waiting
    assert "(next try at 20" in waiting["Error"]
    come()
    deadline = time.monotonic() + PATIENCE
    while state(daemon, name)["Status"] != "running":
        assert time.monotonic() < deadline, state(daemon, name)
        time.sleep(0.1)
    assert state(daemon, name)["Error"] == ""
    daemon.docker("rm", "-f", name, check=True)


def test_mount_source_that_comes_later(daemon: Daemon) -> None:
    source = daemon.root / "nas"
    source.mkdir()
    mount = f"type=bind,src={source},dst=/nas"
    create = (
        "create",
        "--name",
        "nas",
        "--restart",
        "always",
        "--mount",
        mount,
        "busybox",
        "sleep",
        "60",
    )
    daemon.docker(*create, check=True)
    source.rmdir()
    started = daemon.docker("start", "nas")
    assert started.returncode != 0
    comes(daemon, "nas", str(source), source.mkdir)


def test_device_that_comes_later(daemon: Daemon) -> None:
    device = Path(f"/dev/trimaran-{daemon.name}")
    run = (
        "run",
        "-d",
        "--name",
        "dev",
        "--restart",
        "unless-stopped",
        "--device",
        str(device),
        "busybox",
        "sleep",
        "60",
    )
    assert daemon.docker(*run).returncode != 0
    try:
        comes(daemon, "dev", str(device), lambda: os.mknod(device, 0o20666, os.makedev(1, 3)))
    finally:
        device.unlink(missing_ok=True)


def test_address_that_comes_later_and_a_port_that_is_taken(daemon: Daemon) -> None:
    run = (
        "run",
        "-d",
        "--name",
        "port",
        "--restart",
        "on-failure",
        "-p",
        "10.77.0.1:8080:80",
        "busybox",
        "sleep",
        "60",
    )
    assert daemon.docker(*run).returncode != 0
    comes(
        daemon, "port", "cannot assign requested address",
        lambda: daemon.inside("ip", "addr", "add", "10.77.0.1/32", "dev", "lo"),
    )  # fmt: skip
    taken = subprocess.Popen(
        ["nsenter", f"--net=/run/netns/{daemon.name}", "busybox", "nc", "-l", "-p", "8081"],
        stdin=subprocess.DEVNULL,
    )
    try:
        time.sleep(0.3)
        run = (
            "run",
            "-d",
            "--name",
            "taken",
            "--restart",
            "always",
            "-p",
            "8081:80",
            "busybox",
            "sleep",
            "60",
        )
        assert daemon.docker(*run).returncode != 0
        comes(daemon, "taken", "8081", taken.kill)
    finally:
        taken.kill()
        taken.wait()


def test_label_and_no_policy_leave_it_at_the_first_failure(daemon: Daemon) -> None:
    for name, options in (
        ("plain", ()),
        ("off", ("--restart", "always", "--label", "trimaran.start-retry=off")),
    ):
        run = ("run", "-d", "--name", name, *options, "-p", "10.78.0.1:8080:80", "busybox", "true")
        assert daemon.docker(*run).returncode != 0
        assert state(daemon, name)["Status"] == "created"
        daemon.docker("rm", name, check=True)


@pytest.mark.parametrize("late", [3, pytest.param(90, marks=pytest.mark.torture)])
def test_everything_that_comes_late_is_in_use_ten_seconds_later(daemon: Daemon, late: int) -> None:
    """A mount's source, a device, an address and a log server at once. The last keeps nobody from running."""
    source, device = daemon.root / f"late-{late}", Path(f"/dev/trimaran-{daemon.name}-{late}")
    address = f"10.79.0.{late}"
    with logreceivers.tcp(daemon.name) as unused:
        port = int(unused.getsockname()[1])
    command = ("busybox", "sh", "-c", "echo begun; exec sleep 600")
    options = {
        "late-nas": ("--mount", f"type=bind,src={source},dst=/nas"),
        "late-dev": ("--device", str(device)),
        "late-port": ("-p", f"{address}:8080:80"),
        "late-log": ("--log-driver=syslog", f"--log-opt=syslog-address=tcp://127.0.0.1:{port}"),
    }
    source.mkdir()  # as it is at the creation
    for name, words in options.items():
        create = ("create", "--name", name, "--stop-timeout", "0", "--restart", "always")
        daemon.docker(*create, *words, *command, check=True)
    source.rmdir()
    waiting = [name for name in options if name != "late-log"]
    assert all(daemon.docker("start", name).returncode for name in waiting)
    daemon.docker("start", "late-log", check=True)
    time.sleep(late)
    for name in waiting:
        found = state(daemon, name)
        assert found["Status"] == "restarting", found
        assert "(next try at 20" in found["Error"]
    assert state(daemon, "late-log")["Status"] == "running"
    source.mkdir()
    os.mknod(device, 0o20666, os.makedev(1, 3))
    try:
        daemon.inside("ip", "addr", "add", f"{address}/32", "dev", "lo")
        with Receiver(logreceivers.tcp(daemon.name, port), logreceivers.syslog) as receiver:
            came = time.time()
            assert receiver.wait(1, SOON) == ["begun"]
            logged = time.time() - came
        begun = [_begun(daemon, name) - came for name in waiting]
    finally:
        device.unlink()
    print(f"\nafter {late} s: {begun} {logged:.1f} s later")
    assert max(begun) <= SOON
    daemon.docker("rm", "-f", *options, check=True)


def _begun(daemon: Daemon, name: str) -> float:
    """When it began to run; waits for it."""
    deadline = time.monotonic() + PATIENCE
    while (found := state(daemon, name))["Status"] != "running":
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return datetime.fromisoformat(found["StartedAt"][:26] + "+00:00").timestamp()
