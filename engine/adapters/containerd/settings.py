"""The embedded containerd's places and its configuration file."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

# What the engine doesn't use costs start-up time, or touches the host (`opt` makes /opt/containerd).
# The old `runtime.v1.linux` must stay: 1.6's task service does not start without it.
DISABLED_PLUGINS = (
    "io.containerd.grpc.v1.cri",
    "io.containerd.internal.v1.opt",
    "io.containerd.internal.v1.restart",
    "io.containerd.internal.v1.tracing",
    "io.containerd.tracing.processor.v1.otlp",
    "io.containerd.monitor.v1.cgroups",
    "io.containerd.snapshotter.v1.aufs",
    "io.containerd.snapshotter.v1.blockfile",
    "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.zfs",
)

MESSAGE_LIMIT = 16 * 1024 * 1024


class Places(msgspec.Struct, frozen=True):
    """Where the embedded containerd keeps what."""

    root: Path  # content, snapshots, metadata
    state: Path  # tasks, socket, and what is below

    @property
    def socket(self) -> Path:
        return self.state / "containerd.sock"

    @property
    def config(self) -> Path:
        return self.state / "containerd.toml"

    @property
    def log(self) -> Path:
        return self.state / "containerd.log"

    @property
    def pid_file(self) -> Path:
        return self.state / "containerd.pid"


def render(places: Places, *, oom_score: int = 0, log_level: str = "info") -> str:
    """The configuration in TOML (JSON's strings and arrays of strings are TOML too)."""
    return f"""\
version = 2
root = {json.dumps(str(places.root))}
state = {json.dumps(str(places.state))}
oom_score = {oom_score}
disabled_plugins = {json.dumps(DISABLED_PLUGINS, indent=2)}

[grpc]
  address = {json.dumps(str(places.socket))}
  uid = 0
  gid = 0
  max_recv_message_size = {MESSAGE_LIMIT}
  max_send_message_size = {MESSAGE_LIMIT}

[debug]
  level = {json.dumps(log_level)}

[plugins."io.containerd.gc.v1.scheduler"]
  startup_delay = "10s"
"""
