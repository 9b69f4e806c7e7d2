"""The plain values that the adapter takes and gives; no protobuf message leaves it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec
from google.protobuf.any_pb2 import Any
from google.protobuf.timestamp_pb2 import Timestamp

from engine.adapters.containerd.gen import types_pb2

TaskStatus = Literal["created", "running", "stopped", "paused", "pausing", "unknown"]
SnapshotKind = Literal["unknown", "view", "active", "committed"]

# typeurl's names for the JSON documents of the runtime spec.
SPEC_URL = "types.containerd.io/opencontainers/runtime-spec/1/Spec"
PROCESS_URL = "types.containerd.io/opencontainers/runtime-spec/1/Process"
RESOURCES_URL = "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources"


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


def ns(timestamp: Timestamp) -> int:
    """Unix nanoseconds; 0 for Go's zero time, which lies before the epoch."""
    return max(timestamp.seconds * 1_000_000_000 + timestamp.nanos, 0)


def seconds(timestamp: Timestamp) -> float:
    return ns(timestamp) / 1e9


def document(url: str, json: bytes) -> Any:
    return Any(type_url=url, value=json)


def mount_to_wire(mount: Mount) -> types_pb2.Mount:
    return types_pb2.Mount(
        type=mount.type, source=mount.source, target=mount.target, options=mount.options
    )


def mounts_from_wire(mounts: Iterable[types_pb2.Mount]) -> list[Mount]:
    return [Mount(m.type, m.source, m.target, tuple(m.options)) for m in mounts]


def descriptor_to_wire(descriptor: Descriptor) -> types_pb2.Descriptor:
    return types_pb2.Descriptor(
        media_type=descriptor.media_type,
        digest=descriptor.digest,
        size=descriptor.size,
        annotations=descriptor.annotations,
    )


def descriptor_from_wire(descriptor: types_pb2.Descriptor) -> Descriptor:
    return Descriptor(
        descriptor.media_type, descriptor.digest, descriptor.size, dict(descriptor.annotations)
    )


def label_paths(labels: Mapping[str, str]) -> list[str]:
    """The field mask that merges labels into those that are there (an empty value removes one)."""
    return [f"labels.{key}" for key in labels]
