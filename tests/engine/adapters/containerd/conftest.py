"""A real containerd in directories of its own, and a gRPC server that misbehaves on request."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
import trio

from engine.adapters.containerd import Channel, Containerd, EmbeddedContainerd
from tests.engine.adapters.containerd.fake_server import FakeServer

CGROUP = "/trimaran-test-ctrd"


class Rig(msgspec.Struct):
    """A running containerd with everything that a test needs of it."""

    base: Path
    embedded: EmbeddedContainerd
    control: Channel
    bulk: Channel
    client: Containerd


def end_processes(base: str) -> None:
    """Kill what a failed test left: processes below `base` by argument, and their children."""
    doomed: set[int] = set()
    for pid in sorted(int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()):
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_text()
            parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent in doomed or ("containerd" in arguments and f"{base}/" in arguments):
            doomed.add(pid)
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def base() -> Iterator[Path]:
    """Short, because a socket's path is below it; gone afterwards, cgroups too."""
    path = Path(tempfile.mkdtemp(prefix="ctrd-", dir="/tmp"))
    yield path
    end_processes(str(path))
    for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
        if (target := line.split()[1]).startswith(f"{path}/"):
            subprocess.run(["umount", target], check=True)
    shutil.rmtree(path, ignore_errors=True)
    for root, folders, _ in os.walk("/sys/fs/cgroup"):
        if CGROUP.strip("/") in folders:
            cgroup = Path(root, CGROUP.strip("/"))
            for child in (*cgroup.glob("*/"), cgroup):
                child.rmdir()
            folders.clear()


@pytest.fixture
async def rig(base: Path, nursery: trio.Nursery) -> AsyncIterator[Rig]:
    path = str(base / "exec/containerd/containerd.sock")
    control, bulk = Channel(path), Channel(path, name="containerd (bulk)")

    def nudge() -> None:
        control.nudge()
        bulk.nudge()

    embedded = EmbeddedContainerd(base / "data", base / "exec", on_running=nudge)
    done = trio.Event()

    async def serve(*, task_status: trio.TaskStatus[None]) -> None:
        try:
            await embedded.run(task_status=task_status)
        finally:
            done.set()

    await nursery.start(serve)
    await nursery.start(control.run)
    await nursery.start(bulk.run)
    client = Containerd(control, bulk, namespace="trimaran-test-ctrd")
    await control.wait_ready(10)
    yield Rig(base, embedded, control, bulk, client)
    await embedded.stop()
    with trio.fail_after(20):
        await done.wait()


@pytest.fixture
async def server(tmp_path: Path, nursery: trio.Nursery) -> FakeServer:
    server = FakeServer(str(tmp_path / "s"))
    await nursery.start(server.run)
    return server
