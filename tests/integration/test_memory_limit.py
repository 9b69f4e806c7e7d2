"""A daemon whose memory is limited works within it; one that is killed for want of it is as one that was killed."""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.harness.daemon import Daemon
from tests.harness.memory import Limited, limited

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, containerd and runc"),
]

MB = 1 << 20
ROOM = 24 * MB
"""What a daemon with little to do may need beyond what it has at its start."""
BULK = 100


@contextlib.contextmanager
def cramped() -> Iterator[tuple[Daemon, Limited]]:
    """A daemon alone in a group: its containerd and what else it has started are outside."""
    daemon = Daemon("--live-restore")
    try:
        daemon.make_namespace()
        daemon.start()
        daemon.load_busybox()
        with limited(daemon.name) as group:
            if group is None:
                pytest.skip("this machine lets nobody limit memory")
            try:
                yield daemon, group
            finally:
                daemon.kill()
    finally:
        daemon.close()


def enclose(daemon: Daemon, group: Limited) -> int:
    """The daemon goes into the group; its pid."""
    assert daemon.process is not None
    group.take(daemon.process.pid)
    return daemon.process.pid


def resident(pid: int) -> int:
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_bulk_passes_through_little_memory() -> None:
    with cramped() as (daemon, group):
        pid = enclose(daemon, group)
        group.limit(resident(pid) + ROOM)
        script = f"yes 0123456789012345678901234567890123456 | head -c {BULK * MB}"
        daemon.json(
            "POST",
            "/containers/create?name=loud",
            {"Image": "busybox", "Cmd": ["sh", "-c", script]},
        )
        daemon.json("POST", "/containers/loud/start")
        assert daemon.json("POST", "/containers/loud/wait")["StatusCode"] == 0
        with subprocess.Popen(
            ["docker", "-H", daemon.host, "logs", "loud"], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            got = 0
            while piece := process.stdout.read(MB):
                got += len(piece)
        assert got == BULK * MB
        for n in range(20):
            daemon.json("POST", f"/containers/create?name=c{n}", {"Image": "busybox"})
        assert (daemon.process is not None and daemon.process.poll()) is None
        assert daemon.process.pid == pid


def test_killed_for_want_of_memory_is_killed_and_no_more() -> None:
    with cramped() as (daemon, group):
        daemon.json(
            "POST",
            "/containers/create?name=kept",
            {"Image": "busybox", "Cmd": ["sh", "-c", "while :; do date; sleep 0.1; done"]},
        )
        daemon.json("POST", "/containers/kept/start")
        before = daemon.json("GET", "/containers/kept/json")["State"]
        pid = enclose(daemon, group)
        group.limit(resident(pid) + 4 * MB)
        taken = []
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            deadline = time.monotonic() + 60
            n = 0
            while daemon.process is not None and daemon.process.poll() is None:
                assert time.monotonic() < deadline, "it needs no memory"
                asked = [pool.submit(create, daemon, f"big{n + each}") for each in range(8)]
                taken += [name for each in asked if (name := each.result())]
                n += 8
        assert daemon.process is not None
        assert daemon.process.returncode == -signal.SIGKILL
        daemon.start()
        after = daemon.json("GET", "/containers/kept/json")["State"]
        assert (after["Running"], after["Pid"]) == (True, before["Pid"])
        listed = {each["Names"][0][1:] for each in daemon.json("GET", "/containers/json?all=1")}
        assert {"kept", *taken} <= listed
        daemon.json("DELETE", "/containers/kept?force=1")


def create(daemon: Daemon, name: str) -> str:
    """Its name, if the daemon has said that it is there."""
    body = {"Image": "busybox", "Env": [f"A{n}={'x' * 1000}" for n in range(4000)]}
    with contextlib.suppress(OSError, http.client.HTTPException):
        if daemon.request("POST", f"/containers/create?name={name}", body)[0] == 201:
            return name
    return ""
