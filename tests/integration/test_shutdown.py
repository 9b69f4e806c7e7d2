"""The daemon's orderly end: nothing of it stays behind but its data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.harness.daemon import Daemon, mounts_below, processes_of, running_daemon

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, containerd and runc"),
]

CREATE = "/containers/create?name="


def create(daemon: Daemon, name: str, *command: str) -> None:
    config = {"Image": "busybox", "Cmd": list(command), "StopSignal": "SIGKILL"}
    daemon.json("POST", CREATE + name, config)


def start(daemon: Daemon, name: str) -> None:
    daemon.json("POST", f"/containers/{name}/start")


@pytest.fixture(scope="module")
def stopped() -> list[str]:
    """What is left after a stop with containers running, just ended, and never started."""
    with running_daemon() as daemon:
        engine_id = daemon.json("GET", "/info")["ID"]
        for name in ("running", "ended", "created"):
            create(daemon, name, "sleep", "0" if name == "ended" else "1000")
        start(daemon, "running")
        start(daemon, "ended")
        daemon.json("POST", "/containers/ended/wait")
        assert daemon.stop() == 0
        root = str(daemon.root)
        cgroups = [str(path) for path in Path("/sys/fs/cgroup").glob(f"*/trimaran-{engine_id}")]
        cgroups += [str(path) for path in Path("/sys/fs/cgroup").glob(f"trimaran-{engine_id}")]
        return [*map(str, processes_of(root)), *mounts_below(root), *cgroups]


def test_no_process_mount_or_cgroup_is_left(stopped: list[str]) -> None:
    assert stopped == []
