"""The account and the sweep on a real daemon: every byte of the data root has an owner, and what has none goes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.daemon import Daemon, running_daemon

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running_daemon() as daemon:
        yield daemon


def du(path: Path) -> int:
    """Bytes on disk, as du counts them."""
    done = subprocess.run(
        ["du", "-sx", "-B1", str(path)], capture_output=True, text=True, timeout=60, check=True
    )
    return int(done.stdout.split()[0])


def report(daemon: Daemon) -> dict[str, Any]:
    found: dict[str, Any] = daemon.json("GET", "/_trimaran/storage")
    return found


def sweep(daemon: Daemon, query: str = "?grace=0") -> dict[str, Any]:
    found: dict[str, Any] = daemon.json("POST", f"/_trimaran/storage/sweep{query}")
    return found


def bytes_of(found: dict[str, Any]) -> dict[str, int]:
    return {name: each["bytes"] for name, each in found["owners"].items()}


def test_every_byte_of_the_data_root_has_an_owner(daemon: Daemon) -> None:
    write = "dd if=/dev/zero of=/root/big bs=1M count=3; dd if=/dev/zero of=/vol/big bs=1M count=2"
    daemon.docker(
        "run", "--name", "writer", "-v", "kept:/vol", "busybox", "sh", "-c", write, check=True
    )
    loud = "i=0; while [ $i -lt 2000 ]; do echo line of some length $i; i=$((i+1)); done"
    daemon.docker("run", "--name", "loud", "busybox", "sh", "-c", loud, check=True)
    sweep(daemon)
    found = report(daemon)
    owners = bytes_of(found)
    whole = du(daemon.root / "data")
    assert abs(found["total"] - whole) <= 0.01 * whole, (found, whole)
    assert sum(owners.values()) == found["total"]
    assert owners["images"] > 1_000_000
    assert 3 << 20 <= owners["containers"] < 4 << 20
    assert 2 << 20 <= owners["volumes"] < 3 << 20
    assert owners["logs"] > 100_000
    assert owners["state"] > 0
    assert owners["containerd"] > 0
    assert owners["unowned"] == owners["foreign"] == owners["staging"] == 0, found


def test_orphans_of_each_kind_are_told_and_go(daemon: Daemon) -> None:
    data = daemon.root / "data"
    stray = "ab" * 32
    orphans = {
        f"containers/{stray}/{stray}-json.log": b"x" * 5000,
        "tmp/left": b"x" * 5000,
        f"containerd/io.containerd.content.v1.content/blobs/sha256/{stray}": b"x" * 5000,
        "containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7777/fs/big": b"x" * 50000,
        "containerd/io.containerd.content.v1.content/ingest/gone/data": b"x" * 5000,
    }
    for path, content in orphans.items():
        (data / path).parent.mkdir(parents=True, exist_ok=True)
        (data / path).write_bytes(content)
    (data / "volumes/somebodys/_data").mkdir(parents=True)
    (data / "volumes/somebodys/_data/file").write_bytes(b"x" * 5000)
    owners = bytes_of(report(daemon))
    assert owners["unowned"] > 60_000
    assert owners["foreign"] >= 5000
    told = sweep(daemon, "?dry-run=1&grace=0")
    assert told["dry_run"]
    assert len(told["removed"]) >= 5
    assert (data / "tmp/left").exists()
    waits = sweep(daemon, "?grace=3600")
    assert (data / "tmp/left").exists()
    assert {each["path"] for each in waits["left"]} >= {"tmp/left"}
    done = sweep(daemon)
    assert done["left"] == [], done
    for path in orphans:
        assert not (data / path).exists(), path
    assert (data / "volumes/somebodys/_data/file").exists()
    assert bytes_of(report(daemon))["unowned"] == 0
    events = daemon.request("GET", f"/events?since=1&until={time.time():.3f}&type=storage")[1]
    assert b'"sweep"' in events
    assert b'"tmp/left"' in events
    assert daemon.docker("run", "--rm", "busybox", "echo", "fine", check=True).stdout == b"fine\n"


def test_what_a_removed_container_had_comes_back(daemon: Daemon) -> None:
    write = "dd if=/dev/zero of=/root/big bs=1M count=4"
    daemon.docker("run", "--name", "brief", "busybox", "sh", "-c", write, check=True)
    daemon.docker("rm", "brief", check=True)
    sweep(daemon)
    found = report(daemon)
    assert bytes_of(found)["unowned"] == 0
    assert abs(found["total"] - du(daemon.root / "data")) <= 0.01 * found["total"]
    assert bytes_of(found)["containers"] < 4 << 20


def test_system_df_and_the_account_agree(daemon: Daemon) -> None:
    owners = bytes_of(report(daemon))
    usage = daemon.json("GET", "/system/df")
    volumes = sum(each["UsageData"]["Size"] for each in usage["Volumes"])
    containers = sum(each.get("SizeRw", 0) for each in usage["Containers"])
    # The account counts blocks and directories, and an image's compressed content beside its layers.
    assert usage["LayersSize"] <= owners["images"] <= 3 * usage["LayersSize"]
    assert volumes <= owners["volumes"] <= volumes + 100_000
    assert containers <= owners["containers"] <= containers + 200_000


def test_grace_that_is_no_number_is_refused(daemon: Daemon) -> None:
    status, answer = daemon.request("POST", "/_trimaran/storage/sweep?grace=soon")
    assert status == 400, answer
    assert b"invalid grace" in answer
