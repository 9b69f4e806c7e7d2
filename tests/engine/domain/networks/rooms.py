"""A networks room on fakes, running as the tree would run it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import trio

from engine.domain.networks.facade import EndpointPlan, Networks, NetworkSettings
from engine.domain.networks.hostports import HostPorts
from tests.fakes.networks import (
    FakeDrivers,
    FakeFirewall,
    FakeHost,
    FakeIpams,
    FakeLinks,
    FakeResolver,
    FakeStore,
)


@dataclass
class Room:
    links: FakeLinks = field(default_factory=FakeLinks)
    store: FakeStore = field(default_factory=FakeStore)
    resolver: FakeResolver = field(default_factory=FakeResolver)
    drivers: FakeDrivers = field(default_factory=FakeDrivers)
    ipams: FakeIpams = field(default_factory=FakeIpams)
    host: FakeHost = field(default_factory=FakeHost)
    firewall: FakeFirewall = field(default_factory=FakeFirewall)
    events: list[str] = field(default_factory=list)
    settings: NetworkSettings = field(default_factory=lambda: NetworkSettings(engine_id="e1"))
    networks: Networks = field(init=False)

    def __post_init__(self) -> None:
        self.networks = self.daemon()

    async def announced(self, name: str, attributes: dict[str, str]) -> None:
        self.events.append(name)

    def daemon(self) -> Networks:
        """Another life of the daemon on the same host."""
        return Networks(
            self.settings,
            links=self.links,
            firewall=self.firewall,
            store=self.store,
            resolver=self.resolver,
            drivers=self.drivers,
            ipams=self.ipams,
            host_ports=HostPorts(self.host.bind, (32768, 60999)),
            announce=self.announced,
        )


@contextlib.asynccontextmanager
async def serving(networks: Networks) -> AsyncIterator[None]:
    service = networks.service()
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: service.run(task_status=task_status))
        yield
        await service.stop()


@contextlib.asynccontextmanager
async def running(room: Room) -> AsyncIterator[Networks]:
    async with serving(room.networks):
        await room.networks.restore([])
        yield room.networks


def plan(name: str, mode: str = "default") -> EndpointPlan:
    return EndpointPlan(container_name=name, mode=mode)
