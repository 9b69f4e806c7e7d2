"""A volumes room on fakes, running as the tree would run it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

import trio

from engine.domain.volumes.facade import Volumes
from engine.domain.volumes.records import VolumeUse
from tests.fakes.volumes import FakeDisk, FakeDrivers, FakeStore


@dataclass
class Room:
    """What outlives a daemon: the disk and the store."""

    disk: FakeDisk = field(default_factory=FakeDisk)
    store: FakeStore = field(default_factory=FakeStore)
    drivers: FakeDrivers = field(default_factory=FakeDrivers)

    def daemon(self) -> Volumes:
        return Volumes(disk=self.disk, store=self.store, drivers=self.drivers)


@contextlib.asynccontextmanager
async def serving(volumes: Volumes) -> AsyncIterator[Volumes]:
    service = volumes.service()
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: service.run(task_status=task_status))
        yield volumes
        await service.stop()


@contextlib.asynccontextmanager
async def running(room: Room, uses: Iterable[VolumeUse] = ()) -> AsyncIterator[Volumes]:
    async with serving(room.daemon()) as volumes:
        await volumes.restore(uses)
        yield volumes
