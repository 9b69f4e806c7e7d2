"""The container records."""

from __future__ import annotations

import builtins
from collections.abc import Mapping

from google.protobuf.any_pb2 import Any
from google.protobuf.field_mask_pb2 import FieldMask

from engine.adapters.containerd.calls import TIMEOUT, Calls
from engine.adapters.containerd.gen import containers_grpc, containers_pb2, runc_options_pb2
from engine.adapters.containerd.records import (
    SPEC_URL,
    ContainerInfo,
    RuncOptions,
    document,
    label_paths,
    seconds,
)


def runc_options(options: RuncOptions) -> Any:
    """The options as the shim takes them, here and with a task's creation."""
    fields = {name: getattr(options, name) for name in RuncOptions.__struct_fields__}
    message = runc_options_pb2.Options(**fields)
    return Any(type_url="containerd.runc.v1.Options", value=message.SerializeToString())


def info(container: containers_pb2.Container) -> ContainerInfo:
    return ContainerInfo(
        id=container.id,
        labels=dict(container.labels),
        image=container.image,
        snapshotter=container.snapshotter,
        snapshot_key=container.snapshot_key,
        runtime=container.runtime.name,
        spec=container.spec.value,
        created_at=seconds(container.created_at),
        updated_at=seconds(container.updated_at),
    )


class Containers:
    """containerd.services.containers.v1."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._stub = containers_grpc.ContainersStub(calls.channel)

    async def create(
        self,
        id: str,
        *,
        image: str = "",
        labels: Mapping[str, str] | None = None,
        runtime: str = "io.containerd.runc.v2",
        runtime_options: RuncOptions | None = None,
        spec: bytes,
        snapshotter: str = "",
        snapshot_key: str = "",
        lease: str | None = None,
        timeout: float = TIMEOUT,
    ) -> ContainerInfo:
        """Raises AlreadyExists."""
        container = containers_pb2.Container(
            id=id,
            image=image,
            labels=labels or {},
            runtime=containers_pb2.Container.Runtime(
                name=runtime,
                options=None if runtime_options is None else runc_options(runtime_options),
            ),
            spec=document(SPEC_URL, spec),
            snapshotter=snapshotter,
            snapshot_key=snapshot_key,
        )
        request = containers_pb2.CreateContainerRequest(container=container)
        reply = await self._calls.unary(self._stub.Create, request, timeout=timeout, lease=lease)
        return info(reply.container)

    async def get(self, id: str, *, timeout: float = TIMEOUT) -> ContainerInfo:
        request = containers_pb2.GetContainerRequest(id=id)
        return info((await self._calls.unary(self._stub.Get, request, timeout=timeout)).container)

    async def list(self, *filters: str, timeout: float = TIMEOUT) -> list[ContainerInfo]:
        """Those that match any of the filters, such as `labels."KEY"==VALUE`."""
        request = containers_pb2.ListContainersRequest(filters=filters)
        reply = await self._calls.unary(self._stub.List, request, timeout=timeout)
        return [info(container) for container in reply.containers]

    async def update_labels(
        self, id: str, labels: Mapping[str, str], *, timeout: float = TIMEOUT
    ) -> ContainerInfo:
        """Merge labels into those that are there; an empty value removes one."""
        container = containers_pb2.Container(id=id, labels=labels)
        return await self._update(container, label_paths(labels), timeout)

    async def update_spec(self, id: str, spec: bytes, *, timeout: float = TIMEOUT) -> ContainerInfo:
        container = containers_pb2.Container(id=id, spec=document(SPEC_URL, spec))
        return await self._update(container, ["spec"], timeout)

    async def delete(self, id: str, *, timeout: float = TIMEOUT) -> None:
        request = containers_pb2.DeleteContainerRequest(id=id)
        await self._calls.unary(self._stub.Delete, request, timeout=timeout)

    async def _update(
        self, container: containers_pb2.Container, paths: builtins.list[str], timeout: float
    ) -> ContainerInfo:
        request = containers_pb2.UpdateContainerRequest(
            container=container, update_mask=FieldMask(paths=paths)
        )
        reply = await self._calls.unary(self._stub.Update, request, timeout=timeout)
        return info(reply.container)
