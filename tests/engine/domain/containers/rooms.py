"""A containers room on fakes, running as the tree would run it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from engine.domain.containers.cell import Cell
from engine.domain.containers.commit import Commits
from engine.domain.containers.contents import Contents
from engine.domain.containers.facade import Containers
from engine.domain.containers.leavings import LeavingsService
from engine.domain.containers.outside import Outside
from engine.domain.containers.prune import Prunes
from engine.domain.containers.records import Container, Status, from_document
from engine.domain.containers.restarts import RestartManager
from engine.domain.containers.restore import load_cells
from engine.domain.containers.room import Room
from engine.domain.containers.sandbox import Sandboxes
from engine.domain.containers.service import ContainersService, Nursery
from engine.domain.containers.settings import RoomSettings
from engine.domain.containers.sysinfo import SysInfo
from engine.domain.containers.volumes import ContainerVolumes
from engine.domain.containers.watcher import ShimWatcher
from engine.domain.execs.facade import Execs
from engine.domain.execs.intents import KIND as EXEC
from engine.domain.execs.service import ExecsService
from engine.domain.execs.store import ExecStore
from engine.domain.logs.facade import Logs
from engine.models.containers import CreateRequest, HostConfig, RestartPolicy
from supervisors import ChildSpec, Supervisor
from tests.engine.domain.containers.passing import settled, time_passing
from tests.engine.domain.networks import rooms as networks
from tests.engine.domain.volumes import rooms as volumes
from tests.fakes.host import (
    FACTS,
    FakeFiles,
    FakeHolder,
    FakeHost,
    FakeLeftovers,
    FakeRootFS,
)
from tests.fakes.images import LAYER, FakeImages
from tests.fakes.journal import FakeJournal
from tests.fakes.receivers import FakeReceivers
from tests.fakes.runtime import FakeRuntime


@dataclass
class Machine:
    """What outlives a daemon: containerd, the state, the disk, the network, and who holds the FIFOs."""

    path: Path
    runtime: FakeRuntime = field(default_factory=lambda: FakeRuntime(LAYER))
    journal: FakeJournal = field(default_factory=FakeJournal)
    rootfs: FakeRootFS = field(default_factory=FakeRootFS)
    files: FakeFiles = field(default_factory=FakeFiles)
    host: FakeHost = field(default_factory=FakeHost)
    leftovers: FakeLeftovers = field(default_factory=FakeLeftovers)
    images: FakeImages = field(default_factory=FakeImages)
    holder: FakeHolder = field(default_factory=FakeHolder)
    receivers: FakeReceivers = field(default_factory=FakeReceivers)
    network: networks.Room = field(default_factory=networks.Room)
    disk: volumes.Room = field(default_factory=volumes.Room)
    options: dict[str, Any] = field(default_factory=dict)

    def settings(self) -> RoomSettings:
        known: dict[str, Any] = {
            "engine_id": "e1",
            "facts": FACTS,
            "info": SysInfo(ncpu=4, seccomp=False),
            "data_root": self.path / "data",
            "exec_root": self.path / "exec",
            "snapshotter": "overlayfs",
            "cgroup_parent": "/trimaran-e1",
        }
        return RoomSettings(**{**known, **self.options})

    def close(self) -> None:
        self.runtime.close()
        self.holder.close()

    def record(self, container_id: str) -> Container | None:
        """As the store has it."""
        found = self.journal.documents.get(("container", container_id))
        return None if found is None else from_document(found)


class Daemon:
    """One life of the containers room. `watch` false leaves containerd's events unheard."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.runtime, self.journal = machine.runtime, machine.journal
        self.networks = machine.network.daemon()
        self.volumes = machine.disk.daemon()
        self.outside = Outside(
            runtime=machine.runtime,
            rootfs=machine.rootfs,
            leftovers=machine.leftovers,
            files=machine.files,
            host=machine.host,
            journal=machine.journal,  # type: ignore[arg-type]
            images=machine.images,  # type: ignore[arg-type]
            sandboxes=Sandboxes(self.networks),
            volumes=ContainerVolumes(self.volumes, machine.path / "points"),
            settings=machine.settings(),
            holder=machine.holder,
            logs=Logs(machine.path / "data" / "logs", machine.receivers.open),
        )
        self.room = Room(self.outside)
        load_cells(self.room, machine.journal)
        self.exec_store = ExecStore()
        self.supervisor = Supervisor("containers", self._services(), max_restarts=10)
        self.nursery = Nursery(self.room, self.supervisor)
        self.containers = Containers(self.room, self.nursery)
        self.execs = Execs(self.exec_store, self.room, self.nursery)
        self.execs.restore(machine.journal.intents(EXEC))
        self.contents = Contents(self.room)
        self.commits = Commits(self.room, self.containers)
        self.prunes = Prunes(self.room, self.containers)
        self.refreshed = 0

    def _leavings(self) -> LeavingsService:
        outside = self.room.outside
        return LeavingsService(outside.leavings, outside.runtime, outside.leftovers)

    def _services(self) -> list[ChildSpec]:
        return [
            ChildSpec(name="leavings", factory=self._leavings),
            ChildSpec(name="logs", factory=lambda: self.outside.logs.supervisor),
            ChildSpec(
                name="service",
                factory=lambda: ContainersService(self.room, self.nursery),
                mailboxes=(self.room.mailbox,),
            ),
            ChildSpec(
                name="execs",
                factory=lambda: ExecsService(self.exec_store, self.room),
                mailboxes=(self.exec_store.mailbox,),
            ),
            ChildSpec(
                name="restarts",
                factory=lambda: RestartManager(self.outside.restarts, self.nursery.again),
            ),
        ]

    def watcher(self) -> ShimWatcher:
        async def refresh() -> None:
            self.refreshed += 1

        return ShimWatcher(self.runtime, self.room, self.execs, reconnected=refresh)

    async def create(self, name: str = "", **wanted: Any) -> Cell:
        """A container of busybox; HostConfig's fields are told from the config's by their names."""
        policy = wanted.pop("restart", "")
        host = {
            each: wanted.pop(each) for each in list(wanted) if each in HostConfig.__struct_fields__
        }
        if policy:
            host["restart_policy"] = RestartPolicy(name=policy)
        wanted.setdefault("image", "busybox")
        request = CreateRequest(**wanted, host_config=HostConfig(**host))
        made = await self.containers.create(request, name=name)
        return self.containers.cell(made.id)

    async def run(self, name: str = "", **wanted: Any) -> Cell:
        cell = await self.create(name, **wanted)
        await self.containers.start(cell.id)
        return cell

    async def ends(self, cell: Cell, code: int = 0, *, told: bool = True) -> None:
        """Its process ends by itself; with `told` until everybody knows."""
        exits = cell.exits
        self.runtime.exit(cell.id, code, told=told)
        if told:
            await cell.exit_after(exits)
            await settled()


@contextlib.asynccontextmanager
async def living(machine: Machine, *, watch: bool = True) -> AsyncIterator[Daemon]:
    """A daemon from its start to its end; leaving the block is its death: containers live on."""
    daemon = Daemon(machine)
    others = networks.serving(daemon.networks), volumes.serving(daemon.volumes)
    async with others[0], others[1], trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: daemon.supervisor.run(task_status=task_status))
        watcher = daemon.watcher()
        time = trio.CancelScope()
        nursery.start_soon(_passing, time)
        if watch:
            await nursery.start(lambda task_status: watcher.run(task_status=task_status))
            await settled()
        try:
            yield daemon
        finally:
            await watcher.stop()
            await daemon.supervisor.stop()
            time.cancel()
    for cell in daemon.room.registry:
        await let_go(cell)


async def _passing(scope: trio.CancelScope) -> None:
    with scope:
        await time_passing()


async def let_go(cell: Cell) -> None:
    """What the end of a process does: nobody reads the FIFOs any more."""
    if cell.streams.log is not None:
        await cell.streams.log.close()
    if cell.streams._copier is not None:
        for output in cell.streams._copier.outputs:
            output.close()


@contextlib.asynccontextmanager
async def running(path: Path, **options: Any) -> AsyncIterator[Daemon]:
    """A machine with one daemon, from nothing to nothing."""
    machine = Machine(path, options=options)
    try:
        async with living(machine) as daemon:
            yield daemon
    finally:
        machine.close()


def statuses(daemon: Daemon) -> dict[str, Status]:
    return {cell.record.name: cell.record.state.status for cell in daemon.room.registry}
