"""A root file system with busybox, mounts, FIFOs, and the smallest spec that runs in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import trio

from engine.adapters.containerd import Mount
from tests.engine.adapters.containerd.conftest import CGROUP, Rig

CAPABILITIES = ["CAP_KILL", "CAP_SETUID", "CAP_SETGID", "CAP_CHOWN"]


@contextmanager
def mounted(mounts: Sequence[Mount], target: Path) -> Iterator[None]:
    for mount in mounts:
        options = ",".join(mount.options)
        subprocess.run(
            ["mount", "-t", mount.type, mount.source, str(target), "-o", options], check=True
        )
    try:
        yield
    finally:
        for _ in mounts:
            subprocess.run(["umount", str(target)], check=True)


def fill(root: Path) -> None:
    for name in ("bin", "dev", "etc", "proc", "sys", "tmp"):
        (root / name).mkdir()
    shutil.copy(shutil.which("busybox") or "/bin/busybox", root / "bin/busybox")
    (root / "bin/sh").symlink_to("busybox")


def process(*arguments: str, terminal: bool = False) -> dict[str, Any]:
    """An OCI process that runs a busybox applet."""
    names = ("bounding", "effective", "permitted")
    return {
        "terminal": terminal,
        "user": {"uid": 0, "gid": 0},
        "args": ["/bin/busybox", *arguments],
        "env": ["PATH=/bin"],
        "cwd": "/",
        "capabilities": dict.fromkeys(names, CAPABILITIES),
        "noNewPrivileges": True,
    }


def process_json(*arguments: str, terminal: bool = False) -> bytes:
    return msgspec.json.encode(process(*arguments, terminal=terminal))


def spec(id: str, *arguments: str, terminal: bool = False) -> bytes:
    flags = ["nosuid", "noexec", "nodev"]
    return msgspec.json.encode(
        {
            "ociVersion": "1.0.2",
            "process": process(*arguments, terminal=terminal),
            "root": {"path": "rootfs"},
            "hostname": id,
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc", "options": flags},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid"]},
                {
                    "destination": "/dev/pts",
                    "type": "devpts",
                    "source": "devpts",
                    "options": ["newinstance", "ptmxmode=0666"],
                },
            ],
            "linux": {
                "cgroupsPath": f"{CGROUP}/{id}",
                "resources": {"devices": [{"allow": True, "access": "rwm"}]},
                "namespaces": [
                    {"type": kind} for kind in ("pid", "ipc", "uts", "mount", "network")
                ],
            },
        }
    )


async def base_layer(rig: Rig, name: str = "busybox") -> str:
    """A committed snapshot with busybox."""
    root = {"containerd.io/gc.root": "test"}
    mounts = await rig.client.snapshots.prepare("fill-" + name, labels=root)
    target = rig.base / "fill"
    target.mkdir()
    with mounted(mounts, target):
        fill(target)
    await rig.client.snapshots.commit(name, "fill-" + name, labels=root)
    return name


class Pipe:
    """A FIFO from a container, open for reading before anything writes."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = str(path)
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    async def text(self) -> str:
        """Everything up to the end of the last writer."""
        parts: list[bytes] = []
        with trio.fail_after(15):
            await trio.lowlevel.wait_readable(self._fd)
            while True:
                try:
                    part = os.read(self._fd, 65536)
                except BlockingIOError:
                    await trio.lowlevel.wait_readable(self._fd)
                    continue
                if not part:
                    return b"".join(parts).decode()
                parts.append(part)

    def close(self) -> None:
        os.close(self._fd)
