"""Applying layers to mounts, and computing them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from engine.adapters.containerd.calls import Calls
from engine.adapters.containerd.gen import diff_grpc, diff_pb2
from engine.adapters.containerd.records import (
    Descriptor,
    Mount,
    descriptor_from_wire,
    descriptor_to_wire,
    mount_to_wire,
)
from engine.errors import EngineError, InvalidParameter

MOUNT = re.compile(r"^mount callback failed on ([^\s:]+): (.*)$", re.DOTALL)
# What Go's tar reader and containerd's unpacking say of a layer that is not right in itself.
DAMAGED = re.compile(r"archive/tar|invalid archive|unexpected EOF|gzip: |invalid tar header")
LAYER_TIMEOUT = 1800.0  # a layer of some gigabytes on a slow disk


@contextmanager
def plain_words() -> Iterator[None]:
    """Put what is wrong with a layer in dockerd's words, without the mount that it was unpacked into."""
    try:
        yield
    except EngineError as error:
        if (found := MOUNT.search(error.message)) is None:
            raise
        mount, reason = found.groups()
        reason = reason.replace(f"{mount}/", "/")
        kind = InvalidParameter if DAMAGED.search(reason) else type(error)
        raise kind(f"failed to register layer: {reason}") from error


class Diffs:
    """containerd.services.diff.v1. containerd itself mounts and unmounts."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._stub = diff_grpc.DiffStub(calls.channel)

    async def apply(
        self,
        descriptor: Descriptor,
        mounts: Sequence[Mount],
        *,
        lease: str | None = None,
        timeout: float = LAYER_TIMEOUT,
    ) -> Descriptor:
        """Unpack a layer; the descriptor of the uncompressed tar, whose digest is the diff ID."""
        request = diff_pb2.ApplyRequest(
            diff=descriptor_to_wire(descriptor), mounts=[mount_to_wire(mount) for mount in mounts]
        )
        with plain_words():
            reply = await self._calls.unary(self._stub.Apply, request, timeout=timeout, lease=lease)
        return descriptor_from_wire(reply.applied)

    async def diff(
        self,
        lower: Sequence[Mount],
        upper: Sequence[Mount],
        media_type: str,
        ref: str = "",
        labels: Mapping[str, str] | None = None,
        *,
        lease: str | None = None,
        timeout: float = LAYER_TIMEOUT,
    ) -> Descriptor:
        """Write what differs in `upper` into the content store as a layer."""
        request = diff_pb2.DiffRequest(
            left=[mount_to_wire(mount) for mount in lower],
            right=[mount_to_wire(mount) for mount in upper],
            media_type=media_type,
            ref=ref,
            labels=labels or {},
        )
        reply = await self._calls.unary(self._stub.Diff, request, timeout=timeout, lease=lease)
        return descriptor_from_wire(reply.diff)
