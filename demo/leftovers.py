"""What a daemon could leave on the machine: processes, mounts, cgroups. Found here, and ended by force."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
SHIM_SOCKETS = Path("/run/containerd/s")
FORCE_SECONDS = 5.0


def processes_of(root: Path) -> list[int]:
    """The processes whose command line names something below `root`: daemon, containerd, shims."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    own = os.getpid()
    return [pid for pid in pids if pid != own and any(f"{root}/" in word for word in words_of(pid))]


def mounts_below(root: Path, table: str | None = None) -> list[str]:
    """Mount points below `root`, the deepest first."""
    text = Path("/proc/self/mountinfo").read_text() if table is None else table
    points = [line.split()[4] for line in text.splitlines()]
    return sorted((point for point in points if point.startswith(f"{root}/")), reverse=True)


def cgroups_of(engine_id: str) -> list[Path]:
    """The engine's own cgroup in each hierarchy. Others come and go meanwhile, which os.walk bears."""
    name = f"trimaran-{engine_id}"
    return [Path(parent) / name for parent, folders, _ in os.walk(CGROUPS) if name in folders]


def words_of(pid: int) -> list[str]:
    """A process's command line; empty when it has ended."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return line.decode(errors="replace").rstrip("\0").split("\0")


def listed(root: Path, engine_id: str) -> list[str]:
    """Everything that is there, in words."""
    return [
        *(f"process {pid} {' '.join(words_of(pid))}" for pid in processes_of(root)),
        *(f"mount {point}" for point in mounts_below(root)),
        *(f"cgroup {path}" for path in (cgroups_of(engine_id) if engine_id else ())),
        *(f"shim's socket {path}" for path in shim_sockets(root)),
    ]


def remove(root: Path, engine_id: str) -> None:
    """End all of it by force; containers too, which no shim holds any longer then."""
    sockets = shim_sockets(root)
    _kill(lambda: processes_of(root))
    if engine_id:
        _kill(lambda: _members(engine_id))
        for group in cgroups_of(engine_id):
            _remove_cgroup(group)
    for point in mounts_below(root):
        subprocess.run(["umount", "-l", point], check=False, capture_output=True, timeout=10)
    for path in sockets:
        path.unlink(missing_ok=True)


def _kill(find: Callable[[], list[int]]) -> None:
    deadline = time.monotonic() + FORCE_SECONDS
    while (pids := find()) and time.monotonic() < deadline:
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.02)


def _members(engine_id: str) -> list[int]:
    pids = set()
    for group in cgroups_of(engine_id):
        for folder, _, _ in os.walk(group):
            try:
                pids |= {int(pid) for pid in (Path(folder) / "cgroup.procs").read_text().split()}
            except OSError:
                continue  # a threaded or vanished cgroup
    return sorted(pids)


def _remove_cgroup(group: Path) -> None:
    for folder, _, _ in os.walk(group, topdown=False):
        try:
            os.rmdir(folder)
        except OSError:
            continue  # shown by whoever looks again


def shim_sockets(root: Path) -> list[Path]:
    """Where the shims of all containers would listen: outside of the scratch directories.

    containerd names a shim's socket by a digest of its own address, the namespace and the container.
    """
    address = root / "exec" / "containerd" / "containerd.sock"
    bundles = root.glob("exec/containerd/io.containerd.runtime.v2.task/trimaran/*")
    ids = {path.name for path in (*bundles, *root.glob("data/containers/*"))}
    for words in map(words_of, processes_of(root)):
        ids |= {words[i + 1] for i, word in enumerate(words[:-1]) if word == "-id"}
    names = (hashlib.sha256(f"{address}/trimaran/{id_}".encode()).hexdigest() for id_ in ids)
    return [path for name in names if (path := SHIM_SOCKETS / name).exists()]
