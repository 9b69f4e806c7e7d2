"""The snapshots of one snapshotter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from google.protobuf.field_mask_pb2 import FieldMask

from engine.adapters.containerd.calls import TIMEOUT, Calls
from engine.adapters.containerd.gen import snapshots_grpc, snapshots_pb2
from engine.adapters.containerd.records import (
    Mount,
    SnapshotInfo,
    SnapshotKind,
    label_paths,
    mounts_from_wire,
    seconds,
)

USAGE_TIMEOUT = 60.0  # overlayfs walks the upper directory


def info(snapshot: snapshots_pb2.Info) -> SnapshotInfo:
    return SnapshotInfo(
        name=snapshot.name,
        parent=snapshot.parent,
        kind=cast(SnapshotKind, snapshots_pb2.Kind.Name(snapshot.kind).lower()),
        labels=dict(snapshot.labels),
        created_at=seconds(snapshot.created_at),
        updated_at=seconds(snapshot.updated_at),
    )


class Snapshots:
    """containerd.services.snapshots.v1."""

    def __init__(self, calls: Calls, snapshotter: str) -> None:
        self._calls = calls
        self._stub = snapshots_grpc.SnapshotsStub(calls.channel)
        self.snapshotter = snapshotter

    async def prepare(
        self,
        key: str,
        parent: str = "",
        *,
        labels: Mapping[str, str] | None = None,
        lease: str | None = None,
        timeout: float = TIMEOUT,
    ) -> list[Mount]:
        """A writable snapshot on `parent` (a committed one's name); raises AlreadyExists."""
        request = snapshots_pb2.PrepareSnapshotRequest(
            snapshotter=self.snapshotter, key=key, parent=parent, labels=labels or {}
        )
        reply = await self._calls.unary(self._stub.Prepare, request, timeout=timeout, lease=lease)
        return mounts_from_wire(reply.mounts)

    async def view(
        self,
        key: str,
        parent: str,
        *,
        labels: Mapping[str, str] | None = None,
        lease: str | None = None,
        timeout: float = TIMEOUT,
    ) -> list[Mount]:
        """A read-only snapshot of `parent`."""
        request = snapshots_pb2.ViewSnapshotRequest(
            snapshotter=self.snapshotter, key=key, parent=parent, labels=labels or {}
        )
        reply = await self._calls.unary(self._stub.View, request, timeout=timeout, lease=lease)
        return mounts_from_wire(reply.mounts)

    async def mounts(self, key: str, *, timeout: float = TIMEOUT) -> list[Mount]:
        request = snapshots_pb2.MountsRequest(snapshotter=self.snapshotter, key=key)
        reply = await self._calls.unary(self._stub.Mounts, request, timeout=timeout)
        return mounts_from_wire(reply.mounts)

    async def commit(
        self,
        name: str,
        key: str,
        *,
        labels: Mapping[str, str] | None = None,
        lease: str | None = None,
        timeout: float = USAGE_TIMEOUT,
    ) -> None:
        """Turn the active snapshot `key` into the committed one `name`."""
        request = snapshots_pb2.CommitSnapshotRequest(
            snapshotter=self.snapshotter, name=name, key=key, labels=labels or {}
        )
        await self._calls.unary(self._stub.Commit, request, timeout=timeout, lease=lease)

    async def remove(self, key: str, *, timeout: float = TIMEOUT) -> None:
        """Raises FailedPrecondition when it has children."""
        request = snapshots_pb2.RemoveSnapshotRequest(snapshotter=self.snapshotter, key=key)
        await self._calls.unary(self._stub.Remove, request, timeout=timeout)

    async def stat(self, key: str, *, timeout: float = TIMEOUT) -> SnapshotInfo:
        request = snapshots_pb2.StatSnapshotRequest(snapshotter=self.snapshotter, key=key)
        return info((await self._calls.unary(self._stub.Stat, request, timeout=timeout)).info)

    async def list(self, *filters: str) -> list[SnapshotInfo]:
        request = snapshots_pb2.ListSnapshotsRequest(snapshotter=self.snapshotter, filters=filters)
        async with await self._calls.stream(self._stub.List, request) as messages:
            return [info(snapshot) async for message in messages for snapshot in message.info]

    async def usage(self, key: str, *, timeout: float = USAGE_TIMEOUT) -> tuple[int, int]:
        """Bytes and inodes of the snapshot itself, without its parents."""
        request = snapshots_pb2.UsageRequest(snapshotter=self.snapshotter, key=key)
        reply = await self._calls.unary(self._stub.Usage, request, timeout=timeout)
        return reply.size, reply.inodes

    async def update_labels(
        self, key: str, labels: Mapping[str, str], *, timeout: float = TIMEOUT
    ) -> SnapshotInfo:
        """Merge labels into those that are there; an empty value removes one."""
        request = snapshots_pb2.UpdateSnapshotRequest(
            snapshotter=self.snapshotter,
            info=snapshots_pb2.Info(name=key, labels=labels),
            update_mask=FieldMask(paths=label_paths(labels)),
        )
        return info((await self._calls.unary(self._stub.Update, request, timeout=timeout)).info)
