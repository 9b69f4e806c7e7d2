"""What containers leave on a host; equal before and after means that nothing was left."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

from tests.harness.daemon import Daemon, mounts_below, processes_of

EVENTS = '{"type": ["container"], "event": ["create"]}'
STAYING = {".removing", "volumes"}
"""Directories that stay once they are there, as parents of others."""
SETTLING = 5.0
RUNTIME = "containerd/io.containerd.runtime.v2.task/trimaran"


def traces(daemon: Daemon) -> dict[str, object]:
    """Processes, links, mounts, namespaces, cgroups, forwards, files, and containerd's records."""
    data, scratch = daemon.root / "data", daemon.root / "exec"
    return {
        "snapshots": ctr(daemon, "snapshots", "ls"),
        "containers": ctr(daemon, "containers", "ls"),
        "tasks": ctr(daemon, "tasks", "ls"),
        "leases": ctr(daemon, "leases", "ls"),
        "bundles": names(scratch / RUNTIME) + names(data / RUNTIME),
        "runc": names(scratch / "runc" / "trimaran"),
        "namespaces": names(scratch / "netns"),
        "files": names(data / "containers"),
        "fifos": names(scratch / "fifo"),
        "volumes": names(data / "volumes"),
        "removing": names(data / "volumes" / ".removing"),
        "points": names(scratch / "mnt") + names(scratch / "mnt" / "volumes"),
        "mounts": [each for each in mounts_below(str(daemon.root)) if "/netns/" not in each],
        "shims": shims(daemon),
        "shim sockets": shim_sockets(daemon),
        "cgroups": cgroups(daemon),
        "links": daemon.inside("ip", "-o", "link", capture_output=True).stdout.count("veth"),
        "forwards": forwards(daemon),
    }


def resting(daemon: Daemon) -> dict[str, object]:
    """The traces once nothing of an auto-removed container is on its way out any more."""
    deadline = time.monotonic() + SETTLING
    while shims(daemon) and time.monotonic() < deadline:
        time.sleep(0.1)
    while any(map(of_a_run, ctr(daemon, "snapshots", "ls"))) and time.monotonic() < deadline:
        time.sleep(0.1)
    return traces(daemon)


def of_a_run(snapshot: str) -> bool:
    return not snapshot.startswith(("init-", "sha256:"))


def difference(daemon: Daemon, before: dict[str, object]) -> dict[str, object]:
    """What is not as before, with both."""
    now = traces(daemon)
    return {key: (was, now[key]) for key, was in before.items() if now[key] != was}


def lasting_difference(daemon: Daemon, before: dict[str, object]) -> dict[str, object]:
    """The same once the daemon had time for what it does behind an auto-removed container's back."""
    deadline = time.monotonic() + SETTLING
    while (found := difference(daemon, before)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def names(directory: Path) -> list[str]:
    """What is in a directory; nothing where there is none."""
    try:
        return sorted(set(os.listdir(directory)) - STAYING)
    except FileNotFoundError:
        return []


def shims(daemon: Daemon) -> list[str]:
    """The IDs of the containers that have a shim."""
    found = []
    for pid in processes_of(str(daemon.root)):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        except OSError:
            continue
        if "containerd-shim" in words[0]:
            found.append(words[words.index("-id") + 1])
    return sorted(found)


def ctr(daemon: Daemon, *words: str) -> list[str]:
    """The first column of one of containerd's listings."""
    command = ["ctr", "-a", f"{daemon.root}/exec/containerd/containerd.sock", "-n", "trimaran"]
    done = subprocess.run(
        [*command, *words], capture_output=True, text=True, timeout=20, check=True
    )
    return sorted(line.split()[0] for line in done.stdout.splitlines()[1:])


def cgroups(daemon: Daemon) -> list[str]:
    engine = daemon.json("GET", "/info")["ID"]
    return sorted(str(path) for path in Path("/sys/fs/cgroup").glob(f"*/trimaran-{engine}/*/"))


def forwards(daemon: Daemon) -> list[str]:
    """The elements of our firewall's maps."""
    done = daemon.inside("nft", "-j", "list", "ruleset", capture_output=True)
    found = []
    for each in json.loads(done.stdout)["nftables"]:
        found += [json.dumps(element) for element in each.get("map", {}).get("elem", ())]
    return sorted(found)


def shim_sockets(daemon: Daemon) -> list[str]:
    """Of all containers that the daemon ever had: the names are digests, as containerd makes them."""
    _, body = daemon.request(
        "GET", f"/events?since=1&until={time.time():.6f}&filters={quote(EVENTS)}"
    )
    ids = {json.loads(line)["Actor"]["ID"] for line in body.splitlines() if line}
    found = []
    for each in sorted(ids):
        key = f"{daemon.root}/exec/containerd/containerd.sock/trimaran/{each}"
        socket = Path("/run/containerd/s") / hashlib.sha256(key.encode()).hexdigest()
        found += [str(socket)] if socket.exists() else []
    return found
