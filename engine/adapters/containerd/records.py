"""The plain values that the adapter takes and gives; no protobuf message leaves it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from google.protobuf.any_pb2 import Any
from google.protobuf.timestamp_pb2 import Timestamp

from engine.adapters.containerd.gen import types_pb2
from engine.models.runtime import (
    ContainerInfo,
    ContentInfo,
    Descriptor,
    ExitInfo,
    ImageInfo,
    IngestStatus,
    LeaseInfo,
    Mount,
    PluginInfo,
    Resource,
    RuncOptions,
    SnapshotInfo,
    SnapshotKind,
    TaskInfo,
    TaskStatus,
)

__all__ = [
    "ContainerInfo",
    "ContentInfo",
    "Descriptor",
    "ExitInfo",
    "ImageInfo",
    "IngestStatus",
    "LeaseInfo",
    "Mount",
    "PluginInfo",
    "Resource",
    "RuncOptions",
    "SnapshotInfo",
    "SnapshotKind",
    "TaskInfo",
    "TaskStatus",
]

# typeurl's names for the JSON documents of the runtime spec.
SPEC_URL = "types.containerd.io/opencontainers/runtime-spec/1/Spec"
PROCESS_URL = "types.containerd.io/opencontainers/runtime-spec/1/Process"
RESOURCES_URL = "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources"


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
