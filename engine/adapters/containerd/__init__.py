"""The containerd adapter: its process, the channel to it, and a client with plain values."""

from engine.adapters.containerd.channel import Channel
from engine.adapters.containerd.client import Containerd
from engine.adapters.containerd.errors import AlreadyExists, FailedPrecondition, OutOfRange
from engine.adapters.containerd.process import EmbeddedContainerd, verify_external
from engine.adapters.containerd.records import (
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
    TaskInfo,
)

__all__ = [
    "AlreadyExists",
    "Channel",
    "ContainerInfo",
    "Containerd",
    "ContentInfo",
    "Descriptor",
    "EmbeddedContainerd",
    "ExitInfo",
    "FailedPrecondition",
    "ImageInfo",
    "IngestStatus",
    "LeaseInfo",
    "Mount",
    "OutOfRange",
    "PluginInfo",
    "Resource",
    "RuncOptions",
    "SnapshotInfo",
    "TaskInfo",
    "verify_external",
]
