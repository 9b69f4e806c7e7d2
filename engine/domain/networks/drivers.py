"""What the networks room asks of plugins: network drivers, and those that give addresses. Protocols and shapes.

Each call ends by its own deadline: NotFound for a plugin that is not there, Unavailable for one that does not
answer, SystemFailure with its own words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from engine.domain.networks.bindings import PortRequest
from engine.domain.networks.records import Endpoint, NetworkRecord


class Interface(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver chose itself: addresses with their prefixes; empty where it left it to us."""

    address: str = ""
    address6: str = ""
    mac: str = ""


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """Which interface of the host goes into the namespace (none: `source` is empty), and the ways out of there.

    `name` is the whole name that it gets, `prefix` the beginning of one.
    """

    source: str = ""
    prefix: str = ""
    name: str = ""
    gateway: str = ""
    gateway6: str = ""
    routes: Sequence[tuple[str, str]] = ()


class PoolWish(msgspec.Struct, frozen=True, kw_only=True):
    space: str
    subnet: str = ""
    ip_range: str = ""
    options: Mapping[str, str] = {}
    v6: bool = False


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """`gateway` is an address without prefix, empty where the plugin names none."""

    id: str
    subnet: str
    gateway: str = ""


class IpamNeeds(msgspec.Struct, frozen=True):
    """`mac`: it wants to know for which MAC address; `replay`: it forgets, and is told again at our start."""

    mac: bool = False
    replay: bool = False


class NetworkDrivers(Protocol):
    async def scope(self, driver: str) -> str:
        """`local` or `global`."""
        ...

    async def create_network(self, network: NetworkRecord) -> None: ...

    async def delete_network(self, driver: str, network_id: str) -> None: ...

    async def create_endpoint(
        self, network: NetworkRecord, endpoint: Endpoint, options: Mapping[str, object]
    ) -> Interface: ...

    async def delete_endpoint(self, driver: str, network_id: str, endpoint_id: str) -> None: ...

    async def join(
        self, driver: str, endpoint: Endpoint, sandbox: str, options: Mapping[str, object]
    ) -> Joined: ...

    async def mac(self, driver: str, endpoint: Endpoint) -> str:
        """What it tells of an endpoint's MAC address; "" for nothing, and it need not know the question."""
        ...

    async def leave(self, driver: str, network_id: str, endpoint_id: str) -> None: ...

    async def program(
        self, driver: str, endpoint: Endpoint, exposed: Sequence[str], ports: Sequence[PortRequest]
    ) -> None:
        """The container's ports are to be reached from outside. A driver need not know this."""
        ...

    async def revoke(self, driver: str, network_id: str, endpoint_id: str) -> None: ...

    def active(self) -> list[str]:
        """The names of the drivers in use."""
        ...


class IpamDrivers(Protocol):
    async def space(self, driver: str, scope: str) -> str:
        """Its address space for networks of that scope."""
        ...

    async def needs(self, driver: str) -> IpamNeeds: ...

    async def request_pool(self, driver: str, wish: PoolWish) -> Pool: ...

    async def release_pool(self, driver: str, pool: str) -> None: ...

    async def request_address(
        self, driver: str, pool: str, address: str, options: Mapping[str, str]
    ) -> str:
        """With its prefix; `address` "" is any."""
        ...

    async def release_address(self, driver: str, pool: str, address: str) -> None: ...
