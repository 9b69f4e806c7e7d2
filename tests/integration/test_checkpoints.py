"""Checkpoints on a real daemon: made and started from where criu works, refused with its reason where not."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from tests.harness.daemon import Daemon, running_daemon
from tests.harness.deeds import wait_for
from tests.harness.traces import difference, resting

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, containerd and runc"),
]

COUNTING = "i=0; while :; do i=$((i+1)); echo $i > /count; sleep 0.05; done"


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running_daemon("--experimental") as found:
        yield found


def criu_works() -> bool:
    try:
        return subprocess.run(["criu", "check"], capture_output=True, timeout=20).returncode == 0
    except OSError:
        return False


def count(daemon: Daemon) -> int:
    done = daemon.docker("exec", "counter", "cat", "/count", timeout=20)
    return int(done.stdout.strip() or 0)


def test_a_container_goes_on_from_its_checkpoint_or_criu_is_said_to_be_missing(
    daemon: Daemon,
) -> None:
    body = {
        "Image": "busybox",
        "Cmd": ["sh", "-c", COUNTING],
        "HostConfig": {"NetworkMode": "none", "SecurityOpt": ["seccomp=unconfined"]},
    }
    daemon.json("POST", "/containers/create?name=first", body)  # which makes what all have
    daemon.json("DELETE", "/containers/first")
    empty = resting(daemon)
    daemon.json("POST", "/containers/create?name=counter", body)
    daemon.json("POST", "/containers/counter/start")
    wait_for(lambda: count(daemon) > 20, "it counts")
    of = "/containers/counter/checkpoints"
    status, text = daemon.request("POST", of, {"CheckpointID": "one", "Exit": True})
    if criu_works():
        assert status == 201, text
        assert daemon.json("GET", of) == [{"Name": "one"}]
        wait_for(
            lambda: not daemon.json("GET", "/containers/counter/json")["State"]["Running"],
            "it ends",
        )
        daemon.json("POST", "/containers/counter/start?checkpoint=one")
        assert count(daemon) > 20
        daemon.json("DELETE", f"{of}/one")
    else:
        assert (status, b"checkpoints need criu, and " in text) == (501, True), text
        assert daemon.json("GET", "/containers/counter/json")["State"]["Running"]
    assert daemon.json("GET", of) == []
    daemon.json("DELETE", "/containers/counter?force=1")
    wait_for(lambda: not difference(daemon, empty), lambda: str(difference(daemon, empty)))
