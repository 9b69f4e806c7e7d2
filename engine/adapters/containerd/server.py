"""What the server tells of itself: version, plugins, namespaces."""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf.empty_pb2 import Empty

from engine.adapters.containerd.calls import TIMEOUT, Calls
from engine.adapters.containerd.gen import (
    introspection_grpc,
    introspection_pb2,
    namespaces_grpc,
    namespaces_pb2,
    version_grpc,
)
from engine.adapters.containerd.records import PluginInfo


class Server:
    """The version and introspection services."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._version = version_grpc.VersionStub(calls.channel)
        self._stub = introspection_grpc.IntrospectionStub(calls.channel)

    async def version(self, *, timeout: float = TIMEOUT) -> tuple[str, str]:
        """Version and revision."""
        reply = await self._calls.unary(self._version.Version, Empty(), timeout=timeout)
        return reply.version, reply.revision

    async def plugins(self, *filters: str, timeout: float = TIMEOUT) -> list[PluginInfo]:
        request = introspection_pb2.PluginsRequest(filters=filters)
        reply = await self._calls.unary(self._stub.Plugins, request, timeout=timeout)
        return [
            PluginInfo(
                type=plugin.type,
                id=plugin.id,
                exports=dict(plugin.exports),
                capabilities=tuple(plugin.capabilities),
                error=plugin.init_err.message,
            )
            for plugin in reply.plugins
        ]

    async def uuid(self, *, timeout: float = TIMEOUT) -> str:
        """The identity of the server's root, stable over restarts."""
        return (await self._calls.unary(self._stub.Server, Empty(), timeout=timeout)).uuid


class Namespaces:
    """containerd.services.namespaces.v1."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._stub = namespaces_grpc.NamespacesStub(calls.channel)

    async def create(
        self, name: str, labels: Mapping[str, str] | None = None, *, timeout: float = TIMEOUT
    ) -> None:
        """Raises AlreadyExists."""
        namespace = namespaces_pb2.Namespace(name=name, labels=labels or {})
        request = namespaces_pb2.CreateNamespaceRequest(namespace=namespace)
        await self._calls.unary(self._stub.Create, request, timeout=timeout)

    async def list(self, *, timeout: float = TIMEOUT) -> dict[str, dict[str, str]]:
        """The labels of every namespace."""
        request = namespaces_pb2.ListNamespacesRequest()
        reply = await self._calls.unary(self._stub.List, request, timeout=timeout)
        return {namespace.name: dict(namespace.labels) for namespace in reply.namespaces}

    async def delete(self, name: str, *, timeout: float = TIMEOUT) -> None:
        """Raises FailedPrecondition while anything is in it."""
        request = namespaces_pb2.DeleteNamespaceRequest(name=name)
        await self._calls.unary(self._stub.Delete, request, timeout=timeout)
