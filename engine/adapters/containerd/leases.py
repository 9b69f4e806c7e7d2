"""Leases, which keep the garbage collector away from resources in use."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from engine.adapters.containerd.calls import TIMEOUT, Calls
from engine.adapters.containerd.gen import leases_grpc, leases_pb2
from engine.adapters.containerd.images import SYNC_TIMEOUT
from engine.adapters.containerd.records import LeaseInfo, Resource, seconds

EXPIRE_LABEL = "containerd.io/gc.expire"


def info(lease: leases_pb2.Lease) -> LeaseInfo:
    return LeaseInfo(lease.id, dict(lease.labels), seconds(lease.created_at))


class Leases:
    """containerd.services.leases.v1."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._stub = leases_grpc.LeasesStub(calls.channel)

    async def create(
        self,
        id: str,
        labels: Mapping[str, str] | None = None,
        expire_s: float | None = None,
        *,
        timeout: float = TIMEOUT,
    ) -> LeaseInfo:
        """A lease that the collector drops after `expire_s` seconds; raises AlreadyExists."""
        merged = dict(labels or {})
        if expire_s is not None:
            expires = datetime.now(UTC) + timedelta(seconds=expire_s)
            merged[EXPIRE_LABEL] = expires.strftime("%Y-%m-%dT%H:%M:%SZ")
        request = leases_pb2.CreateRequest(id=id, labels=merged)
        return info((await self._calls.unary(self._stub.Create, request, timeout=timeout)).lease)

    async def delete(self, id: str, *, sync: bool = False, timeout: float | None = None) -> None:
        """Drop the lease; with `sync`, return when what it alone held is collected."""
        request = leases_pb2.DeleteRequest(id=id, sync=sync)
        limit = timeout or (SYNC_TIMEOUT if sync else TIMEOUT)
        await self._calls.unary(self._stub.Delete, request, timeout=limit)

    async def list(self, *filters: str, timeout: float = TIMEOUT) -> list[LeaseInfo]:
        request = leases_pb2.ListRequest(filters=filters)
        reply = await self._calls.unary(self._stub.List, request, timeout=timeout)
        return [info(lease) for lease in reply.leases]

    async def add_resource(self, id: str, resource: Resource, *, timeout: float = TIMEOUT) -> None:
        request = leases_pb2.AddResourceRequest(
            id=id, resource=leases_pb2.Resource(id=resource.id, type=resource.type)
        )
        await self._calls.unary(self._stub.AddResource, request, timeout=timeout)

    async def delete_resource(
        self, id: str, resource: Resource, *, timeout: float = TIMEOUT
    ) -> None:
        request = leases_pb2.DeleteResourceRequest(
            id=id, resource=leases_pb2.Resource(id=resource.id, type=resource.type)
        )
        await self._calls.unary(self._stub.DeleteResource, request, timeout=timeout)

    async def list_resources(self, id: str, *, timeout: float = TIMEOUT) -> builtins.list[Resource]:
        request = leases_pb2.ListResourcesRequest(id=id)
        reply = await self._calls.unary(self._stub.ListResources, request, timeout=timeout)
        return [Resource(resource.id, resource.type) for resource in reply.resources]
