"""Shapes that the rooms and the containerd adapter share: mounts, tasks, exits, snapshots, content, events."""

from __future__ import annotations

from typing import Literal

import msgspec

TaskStatus = Literal["created", "running", "stopped", "paused", "pausing", "unknown"]
SnapshotKind = Literal["unknown", "view", "active", "committed"]


class Mount(msgspec.Struct, frozen=True):
    """A mount as mount(8) knows it; `target` is relative to the place where it is mounted."""

    type: str
    source: str
    target: str = ""
    options: tuple[str, ...] = ()


class Descriptor(msgspec.Struct, frozen=True):
    """A pointer to content."""

    media_type: str
    digest: str
    size: int
    annotations: dict[str, str] = {}


class RuncOptions(msgspec.Struct, frozen=True):
    """containerd.runc.v1.Options."""

    binary_name: str = ""
    root: str = ""
    systemd_cgroup: bool = False
    no_pivot_root: bool = False
    no_new_keyring: bool = False
    shim_cgroup: str = ""
    io_uid: int = 0
    io_gid: int = 0
    criu_path: str = ""
    criu_image_path: str = ""
    criu_work_path: str = ""


class ContainerInfo(msgspec.Struct, frozen=True):
    """A container record; times are Unix seconds."""

    id: str
    labels: dict[str, str]
    image: str
    snapshotter: str
    snapshot_key: str
    runtime: str
    spec: bytes
    created_at: float
    updated_at: float


class TaskInfo(msgspec.Struct, frozen=True):
    """A process of a task; `id` is the exec's, or the container's for its first process."""

    container_id: str
    id: str
    pid: int
    status: TaskStatus
    exit_status: int
    exited_at_ns: int
    stdin: str
    stdout: str
    stderr: str
    terminal: bool


class ExitInfo(msgspec.Struct, frozen=True):
    """How a process ended; `pid` is 0 where the call doesn't tell it."""

    pid: int
    exit_status: int
    exited_at_ns: int


class SnapshotInfo(msgspec.Struct, frozen=True):
    """A snapshot of the snapshotter in use."""

    name: str
    parent: str
    kind: SnapshotKind
    labels: dict[str, str]
    created_at: float
    updated_at: float


class ContentInfo(msgspec.Struct, frozen=True):
    """A blob in the content store."""

    digest: str
    size: int
    labels: dict[str, str]
    created_at: float
    updated_at: float


class IngestStatus(msgspec.Struct, frozen=True):
    """An upload in progress; `total` is 0 and `expected` empty when not told."""

    ref: str
    offset: int
    total: int
    expected: str
    started_at: float
    updated_at: float


class ImageInfo(msgspec.Struct, frozen=True):
    """A name in the image store."""

    name: str
    target: Descriptor
    labels: dict[str, str]
    created_at: float
    updated_at: float


class LeaseInfo(msgspec.Struct, frozen=True):
    """A lease."""

    id: str
    labels: dict[str, str]
    created_at: float


class Resource(msgspec.Struct, frozen=True):
    """What a lease holds: type `content`, `ingests` or `snapshots/NAME`."""

    id: str
    type: str


class PluginInfo(msgspec.Struct, frozen=True):
    """A plugin of the server; `error` is why it did not start."""

    type: str
    id: str
    exports: dict[str, str]
    capabilities: tuple[str, ...]
    error: str


class TaskExit(msgspec.Struct, frozen=True):
    """The end of a process; `id` is the exec's, or the container's for its first process."""

    container_id: str
    id: str
    pid: int
    exit_status: int
    exited_at_ns: int


class TaskOOM(msgspec.Struct, frozen=True):
    container_id: str
