"""An example of a managed plugin: a static volume driver, as a directory for `docker plugin create`."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.harness.daemon import ROOT

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
