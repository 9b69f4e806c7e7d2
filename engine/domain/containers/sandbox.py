"""A container's place in the network: which namespace its processes get, for each network mode."""

from __future__ import annotations

from typing import Protocol

import msgspec

from engine.domain.containers.records import Container, NetworkState
from engine.models.networks import PortBinding


class Sandbox(msgspec.Struct, frozen=True):
    """`namespace` is a path, `host`, or "" for a fresh one with loopback alone."""

    namespace: str
    state: NetworkState = NetworkState()
    hosts: tuple[tuple[str, str], ...] = ()
    host_gateway: str = ""


class Sandboxes(Protocol):
    """Makes and takes away sandboxes; each call may be repeated."""

    async def prepare(self, container: Container) -> Sandbox: ...

    async def publish(self, container: Container) -> dict[str, list[PortBinding] | None]:
        """Open the published ports of a container about to start; what inspect shows of them."""

    async def unpublish(self, container: Container) -> None: ...

    async def release(self, container: Container) -> None: ...
