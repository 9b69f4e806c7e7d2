"""Where a buildkitd keeps what, and its configuration file: our containerd, in a namespace of its own."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

PROGRAM = "buildkitd"


class Places(msgspec.Struct, frozen=True):
    """`root` is below the data root, `state` below the exec root."""

    root: Path
    state: Path

    @property
    def socket(self) -> Path:
        return self.state / "buildkitd.sock"

    @property
    def config(self) -> Path:
        return self.state / "buildkitd.toml"

    @property
    def log(self) -> Path:
        return self.state / "buildkitd.log"

    @property
    def pid_file(self) -> Path:
        return self.state / "buildkitd.pid"


def render(places: Places, *, containerd: str, namespace: str, snapshotter: str) -> str:
    """The configuration in TOML (JSON's strings and arrays of strings are TOML too)."""
    return f"""\
root = {json.dumps(str(places.root))}

[grpc]
  address = {json.dumps([f"unix://{places.socket}"])}
  uid = 0
  gid = 0

[worker.oci]
  enabled = false

[worker.containerd]
  enabled = true
  address = {json.dumps(containerd)}
  namespace = {json.dumps(namespace)}
  snapshotter = {json.dumps(snapshotter)}
"""
