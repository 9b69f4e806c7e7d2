"""An example of a managed plugin, as a directory for `docker plugin create`, and what plugins have in containerd."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.harness.daemon import ROOT, Daemon

CONFIG: dict[str, Any] = {
    "description": "a volume driver",
    "documentation": "none",
    "entrypoint": ["/plugin"],
    "interface": {"types": ["docker.volumedriver/1.0"], "socket": "mini.sock"},
    "network": {"type": "none"},
    "linux": {"capabilities": ["CAP_SYS_ADMIN"]},
    "env": [{"name": "FLAVOUR", "settable": ["value"], "value": "plain"}],
    "propagatedMount": "/state",
}


def plugin_context(place: Path, **config: Any) -> Path:
    """`place` with its config.json, changed by `config`, and rootfs/; skips where it cannot be built."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc to make the example plugin")
    root = place / "rootfs"
    for name in ("state", "run/docker/plugins", "proc", "sys", "dev", "etc"):
        (root / name).mkdir(parents=True)
    source = ROOT / "tests/harness/managed_plugin.c"
    command = ["gcc", "-static", "-O1", "-o", str(root / "plugin"), str(source)]
    built = subprocess.run(command, capture_output=True, timeout=120)
    if built.returncode != 0:
        pytest.skip(f"gcc cannot link statically here: {built.stderr.decode()[-200:]}")
    (root / "linked").hardlink_to(root / "plugin")
    (place / "config.json").write_text(json.dumps({**CONFIG, **config}))
    return place


def stored(daemon: Daemon) -> set[str]:
    """The blobs, snapshots and leases in the plugins' namespace."""
    socket = daemon.root / "exec/containerd/containerd.sock"
    found: set[str] = set()
    for what in (("content", "ls", "-q"), ("snapshots", "ls"), ("leases", "ls", "-q")):
        command = ("ctr", "-a", str(socket), "-n", "plugins.trimaran", *what)
        lines = daemon.inside(*command, capture_output=True).stdout.splitlines()
        found |= {line.split()[0] for line in lines if line}
    return found - {"KEY"}


def until_nothing_is_stored(daemon: Daemon) -> None:
    """What a failed pull has brought is containerd's to collect."""
    deadline = time.monotonic() + 20
    while found := stored(daemon):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
