"""What a container leaves on the host when containerd has lost sight of it: its shim, processes, mounts, files.

A daemon that is killed takes its calls with it, and a call that ends in the middle can leave a shim
that serves no task, or a task without a container. Ours beyond doubt is what is in our runc root, in
our cgroup, below our own containerd, or says in its bundle that it belongs to our cgroup.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import trio

from engine.adapters.host.cgroups import hierarchies
from engine.adapters.rootfs.syscalls import unmount

SOCKETS = Path("/run/containerd/s")
"""Where every containerd of a host has its shims' sockets (its default state directory, whatever is configured)."""
TASKS = "io.containerd.runtime.v2.task"
CONTAINER_ID = re.compile(r"[0-9a-f]{64}")
PATIENCE = 2.0
POLL = 0.01


class HostLeftovers:
    """`embedded` says that the containerd at `address` is ours alone."""

    def __init__(
        self,
        *,
        data_root: Path,
        exec_root: Path,
        cgroup: str,
        address: str,
        namespace: str,
        embedded: bool,
    ) -> None:
        self._runc = exec_root / "runc" / namespace
        own = (exec_root, data_root) if embedded else ()
        self._bundles = [root / "containerd" / TASKS / namespace for root in own]
        self._cgroup = cgroup
        self._address = address
        self._namespace = namespace
        self._embedded = embedded

    async def find(self) -> frozenset[str]:
        """The IDs of all containers, running ones too, of which there is something."""
        return await trio.to_thread.run_sync(self._find)

    async def remove(self, container_id: str) -> None:
        """End and take away all that is there of one. Idempotent; what cannot be done now is left."""
        if CONTAINER_ID.fullmatch(container_id):
            await trio.to_thread.run_sync(self._remove, container_id)

    async def forget(self, container_id: str) -> None:
        """What a removal may find though all else is gone: the socket of a shim that was killed. Cheap."""
        if self._socket(container_id).exists():
            await trio.to_thread.run_sync(self._unlink_socket, container_id)

    def _find(self) -> frozenset[str]:
        found = {each for _, each in self._shims()}
        places = [self._runc, *self._bundles, *map(Path, self._own_cgroups())]
        for place in places:
            with contextlib.suppress(OSError):
                found |= {each.name for each in place.iterdir() if each.is_dir()}
        return frozenset(each for each in found if CONTAINER_ID.fullmatch(each))

    def _remove(self, container_id: str) -> None:
        groups = [f"{each}/{container_id}" for each in self._own_cgroups()]
        bundles = {place / container_id for place in self._bundles}
        deadline = time.monotonic() + PATIENCE
        # Again and again: what a shim has begun goes on without it, and may only now come into the cgroup.
        while (pids := self._processes(container_id, groups)) and time.monotonic() < deadline:
            bundles |= {found for pid in pids if (found := _directory(pid)).name == container_id}
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(POLL)
        for bundle in bundles:
            _delete(bundle)
        _delete(self._runc / container_id)
        for group in groups:
            for path, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(path)
        self._unlink_socket(container_id)

    def _processes(self, container_id: str, groups: list[str]) -> set[int]:
        """Its shims, the runtime's commands on it, and what is in its cgroups."""
        shims = {pid for pid, found in self._shims() if found == container_id}
        commands = {
            pid
            for pid, words in _command_lines()
            if container_id in words and str(self._runc) in words
        }
        return shims | commands | set(_members(groups))

    def _own_cgroups(self) -> list[str]:
        table = Path("/proc/self/mountinfo").read_text()
        return [point + self._cgroup for point in hierarchies(table)]

    def _shims(self) -> Iterator[tuple[int, str]]:
        """(pid, container ID) of those that are surely ours."""
        for pid, words in _command_lines():
            if "containerd-shim" not in words[0]:
                continue
            options = dict(zip(words[1::2], words[2::2], strict=False))
            served = (options.get("-address"), options.get("-namespace"))
            if served == (self._address, self._namespace) and (
                self._embedded or self._says_ours(pid)
            ):
                yield pid, options.get("-id", "")

    def _says_ours(self, pid: int) -> bool:
        try:
            spec = json.loads(Path(f"/proc/{pid}/cwd/config.json").read_text())
            return str(spec["linux"]["cgroupsPath"]).startswith(f"{self._cgroup}/")
        except (OSError, ValueError, LookupError, TypeError):
            return False

    def _socket(self, container_id: str) -> Path:
        key = f"{self._address}/{self._namespace}/{container_id}"
        return SOCKETS / hashlib.sha256(key.encode()).hexdigest()

    def _unlink_socket(self, container_id: str) -> None:
        path = self._socket(container_id)
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(PATIENCE)
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink(missing_ok=True)
            except OSError:
                return


def _command_lines() -> Iterator[tuple[int, list[str]]]:
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, UnicodeDecodeError):
                yield int(entry), Path(f"/proc/{entry}/cmdline").read_text().split("\0")


def _directory(pid: int) -> Path:
    """The working directory: a shim's is the bundle of its container."""
    try:
        return Path(os.readlink(f"/proc/{pid}/cwd"))
    except OSError:
        return Path()


def _members(groups: list[str]) -> Iterator[int]:
    for group in groups:
        for path, _, _ in os.walk(group):
            with contextlib.suppress(OSError):
                yield from map(int, Path(path, "cgroup.procs").read_text().split())


def _delete(directory: Path) -> None:
    """With the mounts below it; not at all while one of them stays."""
    for point in sorted(_mounts_below(directory), reverse=True):
        with contextlib.suppress(OSError):
            unmount(point)
    if not _mounts_below(directory):
        shutil.rmtree(directory, ignore_errors=True)


def _mounts_below(directory: Path) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [point for line in lines if (point := line.split()[4]).startswith(f"{directory}/")]
