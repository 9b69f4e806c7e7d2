"""Reads what containers use from the kernel's own files, many at once: for metrics and the operators' page.

One container through containerd costs a shim a millisecond; hundreds of them in a row would be a burden that
somebody who only looks must not be.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.adapters.host.probe import parse_net_dev
from engine.models.meters import Reading

UNLIMITED = 1 << 60
NET = ("rx_bytes", "rx_packets", "rx_dropped", "tx_bytes", "tx_packets", "tx_dropped")


class Meters:
    """Blocks: for a worker thread."""

    def __init__(self, proc: Path = Path("/proc"), mountinfo: str | None = None) -> None:
        self._proc = proc
        self._mountinfo = mountinfo
        self._points: dict[str, str] = {}

    def read(self, processes: Mapping[str, tuple[int, bool]]) -> dict[str, Reading]:
        """`processes`: by container ID the pid and whether it has a network of its own. Who has ended is left out."""
        if not self._points:
            text = self._mountinfo or (self._proc / "self/mountinfo").read_text()
            self._points = controllers(text)
        found = {}
        for id, (pid, own_network) in processes.items():
            try:
                found[id] = self._one(pid, own_network=own_network)
            except (OSError, ValueError, KeyError):
                continue  # it ended in between
        return found

    def _one(self, pid: int, *, own_network: bool) -> Reading:
        paths = self._paths(pid)
        usage: dict[str, Any] = (
            self._cpu_v1(paths) if "cpuacct" in paths else self._cpu_v2(paths[""])
        )
        memory = self._memory_v1(paths["memory"]) if "memory" in paths else memory_v2(paths[""])
        network = self._network(pid) if own_network else {}
        return Reading(**usage, **memory, **network)

    def _paths(self, pid: int) -> dict[str, str]:
        """The cgroup's directory by controller; "" is the second version's."""
        found = {}
        for line in (self._proc / str(pid) / "cgroup").read_text().splitlines():
            _, names, path = line.split(":", 2)
            for name in names.split(","):
                if name in self._points:
                    found[name] = self._points[name] + path
        return found

    def _cpu_v1(self, paths: Mapping[str, str]) -> dict[str, Any]:
        stat = table(paths["cpu"] + "/cpu.stat")
        return {
            "cpu": int(text(paths["cpuacct"] + "/cpuacct.usage")) / 1e9,
            "periods": stat.get("nr_periods", 0),
            "throttled_periods": stat.get("nr_throttled", 0),
            "throttled": stat.get("throttled_time", 0) / 1e9,
        }

    def _cpu_v2(self, path: str) -> dict[str, Any]:
        stat = table(path + "/cpu.stat")
        return {
            "cpu": stat["usage_usec"] / 1e6,
            "periods": stat.get("nr_periods", 0),
            "throttled_periods": stat.get("nr_throttled", 0),
            "throttled": stat.get("throttled_usec", 0) / 1e6,
        }

    def _memory_v1(self, path: str) -> dict[str, int]:
        stat = table(path + "/memory.stat")
        limit = stat.get("hierarchical_memory_limit", UNLIMITED)
        used = int(text(path + "/memory.usage_in_bytes")) - stat.get("total_inactive_file", 0)
        return {"memory": max(0, used), "memory_limit": 0 if limit >= UNLIMITED else limit}

    def _network(self, pid: int) -> dict[str, int]:
        interfaces = parse_net_dev((self._proc / str(pid) / "net/dev").read_text()).values()
        return {name: sum(each[name] for each in interfaces) for name in NET}


def memory_v2(path: str) -> dict[str, int]:
    stat = table(path + "/memory.stat")
    limit = text(path + "/memory.max").strip()
    used = int(text(path + "/memory.current")) - stat.get("inactive_file", 0)
    return {"memory": max(0, used), "memory_limit": 0 if limit == "max" else int(limit)}


def controllers(mountinfo: str) -> dict[str, str]:
    """Where each controller of the first version is mounted, and under "" the second version."""
    found = {}
    for line in mountinfo.splitlines():
        fields, _, kind = line.partition(" - ")
        point = fields.split()[4]
        if kind.startswith("cgroup2 "):
            found[""] = point
        elif kind.startswith("cgroup "):
            found |= dict.fromkeys(kind.split()[-1].split(","), point)
    return {
        name: point for name, point in found.items() if name in ("", "cpu", "cpuacct", "memory")
    }


def text(path: str) -> str:
    with open(path) as file:
        return file.read()


def table(path: str) -> dict[str, int]:
    """A file of names and numbers."""
    return {name: int(value) for name, value in (line.split() for line in text(path).splitlines())}
