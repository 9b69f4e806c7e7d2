"""What a daemon could leave on the machine: processes, mounts, cgroups. Found here, and ended by force."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
FORCE_SECONDS = 5.0


def processes_of(root: Path) -> list[int]:
    """The processes whose command line names something below `root`: daemon, containerd, shims."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue  # it has just ended
            if any(f"{root}/".encode() in word for word in words):
                found.append(int(entry.name))
    return found


def mounts_below(root: Path, table: str | None = None) -> list[str]:
    """Mount points below `root`, the deepest first."""
    text = Path("/proc/self/mountinfo").read_text() if table is None else table
    points = [line.split()[4] for line in text.splitlines()]
    return sorted((point for point in points if point.startswith(f"{root}/")), reverse=True)


def cgroups_of(engine_id: str) -> list[Path]:
    """The engine's own cgroup in each hierarchy."""
    return [path for path in CGROUPS.rglob(f"trimaran-{engine_id}") if path.is_dir()]


def command_line(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return f"{pid} (ended)"
    return f"{pid} {words.decode(errors='replace').replace(chr(0), ' ').strip()}"


def listed(root: Path, engine_id: str) -> list[str]:
    """Everything that is there, in words."""
    return [
        *(f"process {command_line(pid)}" for pid in processes_of(root)),
        *(f"mount {point}" for point in mounts_below(root)),
        *(f"cgroup {path}" for path in (cgroups_of(engine_id) if engine_id else ())),
    ]


def remove(root: Path, engine_id: str) -> None:
    """End all of it by force; containers too, which no shim holds any longer then."""
    sockets = _shim_sockets(root)
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
        for listing in group.rglob("cgroup.procs"):
            try:
                pids |= {int(pid) for pid in listing.read_text().split()}
            except OSError:
                continue  # a threaded or vanished cgroup
    return sorted(pids)


def _remove_cgroup(group: Path) -> None:
    for folder, _, _ in os.walk(group, topdown=False):
        try:
            os.rmdir(folder)
        except OSError:
            continue  # shown by whoever looks again


def _shim_sockets(root: Path) -> list[Path]:
    """Shims listen outside of the scratch directories, at addresses that their bundles name."""
    found = []
    for address in root.glob("exec/containerd/io.containerd.runtime.v2.task/*/*/address"):
        try:
            found.append(Path(address.read_text().strip().removeprefix("unix://")))
        except OSError:
            continue  # its container has just gone
    return found
