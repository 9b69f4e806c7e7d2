"""A full disk and too few file descriptors are outages: said in words, survived, and nothing acknowledged is lost."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.harness.daemon import Daemon

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, containerd and runc"),
]

DISK = 160 << 20  # twice what the daemon keeps free, and a little
BODY = {"Image": "busybox", "Cmd": ["true"]}


def fill(path: Path) -> None:
    """Until the disk is full."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(1 << 16)):
            pass


def names(daemon: Daemon) -> set[str]:
    return {each["Names"][0][1:] for each in daemon.json("GET", "/containers/json?all=1")}


def test_full_disk_refuses_what_it_cannot_keep_and_keeps_what_it_took() -> None:
    daemon = Daemon()
    data = daemon.root / "data"
    data.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(data)], check=True, timeout=20
    )
    try:
        daemon.make_namespace()
        daemon.start()
        daemon.load_busybox()
        daemon.json("POST", "/containers/create?name=early", BODY)
        filler = data / "filler"
        fill(filler)
        taken, refused = {"early"}, 0
        for n in range(400):
            status, answer = daemon.request("POST", f"/containers/create?name=late-{n}", BODY)
            if status == 201:
                taken.add(f"late-{n}")
            else:
                assert status in (500, 503), (status, answer)
                assert json.loads(answer)["message"]
                refused += 1
                if refused > 3:
                    break
        assert refused > 3
        assert taken <= names(daemon)
        assert daemon.json("GET", "/info")["Containers"] >= len(taken)
        filler.unlink()
        deadline = time.monotonic() + 30
        while daemon.request("POST", "/containers/create?name=after", BODY)[0] != 201:
            assert time.monotonic() < deadline, daemon.tail()
            time.sleep(0.2)
        daemon.json("POST", "/containers/after/start")
        daemon.json("POST", "/containers/after/wait")
        daemon.kill()
        daemon.start()
        assert taken | {"after"} <= names(daemon)
        assert daemon.json("GET", "/_trimaran/status")["damage"]["repaired"] == []
    finally:
        daemon.close()


def test_exhausted_descriptors_are_an_outage_that_passes() -> None:
    daemon = Daemon()
    daemon.prefix = ["prlimit", "--nofile=160:160"]
    clients: list[socket.socket] = []
    try:
        daemon.make_namespace()
        daemon.start()
        daemon.load_busybox()
        daemon.json("POST", "/containers/create?name=early", BODY)
        assert daemon.process is not None
        descriptors = Path(f"/proc/{daemon.process.pid}/fd")
        deadline = time.monotonic() + 30
        while len(list(descriptors.iterdir())) < 158 and time.monotonic() < deadline:
            for _ in range(20):
                client = socket.socket(socket.AF_UNIX)
                clients.append(client)
                client.settimeout(10)
                client.connect(daemon.socket)
            time.sleep(0.1)
        assert len(list(descriptors.iterdir())) >= 158
        time.sleep(0.5)
        assert daemon.process.poll() is None
        while clients:
            clients.pop().close()
        daemon.wait_ready()
        assert names(daemon) == {"early"}
        daemon.json("POST", "/containers/early/start")
        assert daemon.json("POST", "/containers/early/wait")["StatusCode"] == 0
    finally:
        for client in clients:
            client.close()
        daemon.close()
