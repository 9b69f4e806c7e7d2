"""The image store: names that point at content."""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf.field_mask_pb2 import FieldMask

from engine.adapters.containerd.calls import TIMEOUT, Calls
from engine.adapters.containerd.gen import images_grpc, images_pb2
from engine.adapters.containerd.records import (
    Descriptor,
    ImageInfo,
    descriptor_from_wire,
    descriptor_to_wire,
    label_paths,
    seconds,
)

SYNC_TIMEOUT = 120.0  # a synchronous deletion waits for a garbage collection


def info(image: images_pb2.Image) -> ImageInfo:
    return ImageInfo(
        name=image.name,
        target=descriptor_from_wire(image.target),
        labels=dict(image.labels),
        created_at=seconds(image.created_at),
        updated_at=seconds(image.updated_at),
    )


class Images:
    """containerd.services.images.v1."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._stub = images_grpc.ImagesStub(calls.channel)

    async def get(self, name: str, *, timeout: float = TIMEOUT) -> ImageInfo:
        request = images_pb2.GetImageRequest(name=name)
        return info((await self._calls.unary(self._stub.Get, request, timeout=timeout)).image)

    async def list(self, *filters: str, timeout: float = TIMEOUT) -> list[ImageInfo]:
        request = images_pb2.ListImagesRequest(filters=filters)
        reply = await self._calls.unary(self._stub.List, request, timeout=timeout)
        return [info(image) for image in reply.images]

    async def create(
        self,
        name: str,
        target: Descriptor,
        labels: Mapping[str, str] | None = None,
        *,
        lease: str | None = None,
        timeout: float = TIMEOUT,
    ) -> ImageInfo:
        """Raises AlreadyExists."""
        image = images_pb2.Image(name=name, target=descriptor_to_wire(target), labels=labels or {})
        request = images_pb2.CreateImageRequest(image=image)
        reply = await self._calls.unary(self._stub.Create, request, timeout=timeout, lease=lease)
        return info(reply.image)

    async def update(
        self,
        name: str,
        target: Descriptor | None = None,
        labels: Mapping[str, str] | None = None,
        *,
        lease: str | None = None,
        timeout: float = TIMEOUT,
    ) -> ImageInfo:
        """Point the name elsewhere and merge labels (an empty value removes one)."""
        paths = label_paths(labels or {}) + ([] if target is None else ["target"])
        image = images_pb2.Image(
            name=name,
            target=None if target is None else descriptor_to_wire(target),
            labels=labels or {},
        )
        request = images_pb2.UpdateImageRequest(image=image, update_mask=FieldMask(paths=paths))
        reply = await self._calls.unary(self._stub.Update, request, timeout=timeout, lease=lease)
        return info(reply.image)

    async def delete(self, name: str, *, sync: bool = False, timeout: float | None = None) -> None:
        """Remove the name; with `sync`, return when its content is collected."""
        request = images_pb2.DeleteImageRequest(name=name, sync=sync)
        limit = timeout or (SYNC_TIMEOUT if sync else TIMEOUT)
        await self._calls.unary(self._stub.Delete, request, timeout=limit)
