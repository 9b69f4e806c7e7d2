"""THE TREE: every service of the engine, what it depends on, and the only place where rooms meet adapters.

Read this first. `Engine` makes the passive parts (registries, mailboxes, the bus), then describes the
services as data; `run` serves the tree until it is told to stop.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import trio

from config.load import Loaded
from config.origins import Origins
from config.schema import Settings
from engine.adapters.archive.streams import StreamedArchives
from engine.adapters.containerd.channel import Channel
from engine.adapters.containerd.client import Containerd
from engine.adapters.containerd.process import EmbeddedContainerd
from engine.adapters.host import cgroups, memory
from engine.adapters.host.facts import read_facts
from engine.adapters.host.identity import DataRoot
from engine.adapters.host.notify import Notifier
from engine.adapters.host.probe import HostProbe
from engine.adapters.keeper import FifoKeeper, KeeperService
from engine.adapters.registry.registries import RemoteRegistries
from engine.adapters.resolver import ResolverClient, ResolverService
from engine.adapters.rootfs.files import HostFiles
from engine.adapters.rootfs.mounting import clear
from engine.adapters.rootfs.rootfs import HostRootFS
from engine.adapters.store.opening import open_state
from engine.api.handover import Handover
from engine.api.routes import Rooms
from engine.api.server import Server
from engine.domain.containers.commit import Commits
from engine.domain.containers.contents import Contents
from engine.domain.containers.facade import Containers
from engine.domain.containers.leavings import LeavingsService
from engine.domain.containers.outside import Outside
from engine.domain.containers.prune import Prunes
from engine.domain.containers.restarts import RestartManager
from engine.domain.containers.restore import load_cells
from engine.domain.containers.room import Room
from engine.domain.containers.sandbox import Sandboxes
from engine.domain.containers.service import ContainersService, Nursery
from engine.domain.containers.shutdown import stop_all
from engine.domain.containers.volumes import ContainerVolumes
from engine.domain.containers.watcher import ShimWatcher
from engine.domain.events.bus import EventBus
from engine.domain.events.facade import Events, Journal
from engine.domain.events.messages import Commit
from engine.domain.events.service import EventsService, Limits
from engine.domain.execs.facade import Execs
from engine.domain.execs.intents import KIND as EXEC
from engine.domain.execs.service import ExecsService
from engine.domain.execs.store import ExecStore
from engine.domain.images.facade import Images
from engine.domain.system.disk import DiskReport
from engine.domain.system.memory import MemoryService
from engine.domain.system.pulse import Pulse, PulseService
from engine.domain.system.tallies import Tallies
from engine.domain.system.vigil import Vigil, VigilService
from engine.wiring.builds import build_services, make_buildkit, make_builds
from engine.wiring.choices import wanted_choices
from engine.wiring.listeners import api_server, status_server
from engine.wiring.live import make_reloader
from engine.wiring.managed import containers_settings, managed_room
from engine.wiring.metrics import make_metrics, metrics_server
from engine.wiring.networks import networks_room, volumes_room
from engine.wiring.operators import Announced, Operators
from engine.wiring.page import operators_server
from engine.wiring.plugins import logs_room, plugins_room
from engine.wiring.registries import registry_settings, transfer_limits
from engine.wiring.rooms import (
    leftovers,
    own_cgroup,
    retention,
    write_scripts,
)
from engine.wiring.state import damage, make_store
from engine.wiring.storage import disk_reserve, storage_room
from engine.wiring.system import make_system
from engine.wiring.watchdog import make_watchdog
from supervisors import ChildSpec, Mailbox, Strategy, Supervisor

log = logging.getLogger(__name__)

CONTAINERD_GRACE = 25.0


class Engine:
    """Everything that a running daemon is made of. Made inside trio; `run` is its life."""

    def __init__(
        self,
        settings: Settings,
        data: DataRoot,
        origins: Origins | None = None,
        reread: Callable[[], Loaded] | None = None,
        handover: Handover | None = None,
    ) -> None:
        """`reread` reads flags and file once more, for a reload; `handover` has a predecessor's sockets."""
        self.handover = handover or Handover()
        self.settings = settings
        self.origins = origins or {}
        self.ready = trio.Event()
        self.data = data
        self.exec_root = Path(settings.exec_root)
        self.facts = read_facts()
        self.choices = data.settle(wanted_choices(settings, data))
        self.engine_id = self.choices.engine_id
        self._make_directories()
        self._open_state()
        self._reach_containerd()
        self._furnish()
        self.reloader = make_reloader(self, reread or (lambda: Loaded(settings, {})))
        self.root = Supervisor(
            "root", self._children(), max_restarts=3, period=300.0, on_change=self.operators.changed
        )

    # the passive parts: they outlive every service

    def _make_directories(self) -> None:
        for path in (self.exec_root, self.exec_root / "mnt", self.exec_root / "fifo"):
            path.mkdir(mode=0o711, parents=True, exist_ok=True)
        for name in ("containers", "volumes", "tmp"):
            (self.data.path / name).mkdir(mode=0o710, parents=True, exist_ok=True)
        clear(self.exec_root / "mnt")
        write_scripts(self.settings, self.data.path)

    def _open_state(self) -> None:
        self.state = open_state(self.data.path)
        self.database = self.state.database
        self.commits: Mailbox[Commit] = Mailbox("store", 1024)
        self.bus = EventBus(self.database)
        self.journal = Journal(self.commits)
        self.events = Events(self.bus)
        self.limits = Limits(retention(self.settings))

    def _reach_containerd(self) -> None:
        embedded = str(self.exec_root / "containerd" / "containerd.sock")
        self.address = self.choices.containerd or embedded
        self.channels = {
            name: Channel(self.address, name=name) for name in ("control", "bulk", "events")
        }
        self.containerd = self._client("control")
        self.watched = self._client("events")
        self.embedded: EmbeddedContainerd | None = None
        self.leave_running = False

    def _client(self, channel: str) -> Containerd:
        place = {"namespace": self.choices.namespace, "snapshotter": self.choices.snapshotter}
        return Containerd(self.channels[channel], self.channels["bulk"], **place)

    def _furnish(self) -> None:
        self.pulse, self.tallies = Pulse(), Tallies()
        self.notifier = Notifier.taken_from(os.environ, os.getpid())
        self.registries = RemoteRegistries(registry_settings(self.settings, os.environ))
        self.images = Images(
            self.containerd,
            StreamedArchives(),
            engine_id=self.engine_id,
            emit=self.journal.emit,
            snapshotter=self.choices.snapshotter,
            registries=self.registries,
            limits=transfer_limits(self.settings),
            reserve=disk_reserve(self.settings),
        )
        self.resolver = ResolverClient(self.exec_root / "resolver.sock")
        state = self.database, self.journal
        known = self.settings, self.engine_id, self.exec_root
        self.managed = managed_room(self)
        self.plugins = plugins_room(self.settings, self.managed.endpoint)
        self.networks = networks_room(*known, state, self.resolver, self.plugins, self.tallies)
        self.volumes = volumes_room(self.data.path, self.exec_root, state, self.plugins)
        self.logs = logs_room(self.data.path, self.exec_root, self.plugins)
        self.keeper = FifoKeeper(self.exec_root / "keeper.sock")
        self.outside = Outside(
            runtime=self.containerd,
            rootfs=HostRootFS(self.exec_root / "mnt"),
            leftovers=leftovers(self.settings, self.choices, self.data.path, self.address),
            files=HostFiles(self.exec_root / "mnt"),
            host=HostProbe(),
            journal=self.journal,
            images=self.images,
            sandboxes=Sandboxes(self.networks, dns=self.settings.dns),
            volumes=ContainerVolumes(self.volumes, self.exec_root / "mnt" / "volumes"),
            settings=containers_settings(self, self.settings),
            holder=self.keeper,
            logs=self.logs,
            tallies=self.tallies,
        )
        self.room = Room(self.outside)
        self.exec_store = ExecStore()
        load_cells(self.room, self.database)
        self.containers_supervisor = Supervisor(
            "containers", self._container_services(), max_restarts=10
        )
        self.nursery = Nursery(self.room, self.containers_supervisor)
        self.containers = Containers(self.room, self.nursery)
        self.execs = Execs(self.exec_store, self.room, self.nursery)
        self.execs.restore(self.database.intents(EXEC))
        self.buildkit = make_buildkit(self)
        self.builds = make_builds(self)
        self.storage = storage_room(
            (self.settings, self.choices, self.data.path),
            self.containerd,
            self.journal,
            (self.images, self.volumes, self.containers),
            self.nursery,
        )
        self.system = make_system(self)
        self.vigil = Vigil({"runtime": self.containerd.version})
        self.operators = Operators(
            lambda: self.root.status(),
            *(self.vigil, self.room.restoring, self.pulse),
            (self.settings, self.origins),
            self.plugins.report,
        )
        self.metrics = make_metrics(self)
        self.operators.damage = damage(self)

    def _children(self) -> Sequence[ChildSpec]:
        return (
            ChildSpec(name="status", factory=self._status),
            ChildSpec(name="watchdog", factory=lambda: make_watchdog(self)),
            ChildSpec(name="keeper", factory=lambda: KeeperService(self.keeper)),
            ChildSpec(name="resolver", factory=lambda: ResolverService(self.resolver)),
            ChildSpec(name="pulse", factory=lambda: PulseService(self.pulse)),
            ChildSpec(
                name="memory", factory=lambda: MemoryService(memory.resident, memory.release)
            ),
            ChildSpec(name="vigil", factory=lambda: VigilService(self.vigil)),
            ChildSpec(name="store", factory=lambda: make_store(self), mailboxes=(self.commits,)),
            ChildSpec(
                name="events",
                factory=lambda: EventsService(self.database, self.limits),
                depends_on=("store",),
            ),
            ChildSpec(
                name="runtime",
                factory=lambda: Supervisor(
                    "runtime",
                    self._runtime_services(),
                    strategy=Strategy.REST_FOR_ONE,
                    max_restarts=10,
                ),
                grace=CONTAINERD_GRACE + 5,
            ),
            ChildSpec(
                name="managed",
                factory=self.managed.service,
                depends_on=("store", "runtime"),
                mailboxes=(self.managed.mailbox,),
                grace=CONTAINERD_GRACE,
            ),
            ChildSpec(name="plugins", factory=self.plugins.service, depends_on=("managed",)),
            ChildSpec(
                name="network",
                factory=self.networks.service,
                depends_on=("store", "resolver", "plugins"),
                mailboxes=(self.networks.mailbox,),
            ),
            ChildSpec(
                name="volumes",
                factory=self.volumes.service,
                depends_on=("store", "plugins"),
                mailboxes=(self.volumes.mailbox,),
            ),
            ChildSpec(
                name="images",
                factory=self.images.service,
                depends_on=("store", "runtime"),
                mailboxes=(self.images.mailbox,),
            ),
            ChildSpec(name="logs", factory=lambda: self.logs.supervisor),
            ChildSpec(
                name="containers",
                factory=lambda: self.containers_supervisor,
                depends_on=("store", "events", "runtime", "network", "volumes", "images", "logs"),
            ),
            *build_services(self),
            ChildSpec(name="watcher", factory=self._watcher, depends_on=("containers",)),
            ChildSpec(
                name="storage",
                factory=self.storage.service,
                depends_on=("volumes", "images", "containers"),
                mailboxes=(self.storage.mailbox,),
                patience=math.inf,  # prunes queue
            ),
            ChildSpec(name="metrics", factory=lambda: metrics_server(self)),
            ChildSpec(
                name="operators", factory=lambda: operators_server(self), depends_on=("events",)
            ),
            # Up early, behind its gate; `stop` sees to it that it is the first one down.
            ChildSpec(name="api", factory=self._api, depends_on=("events",)),
        )

    def _runtime_services(self) -> Sequence[ChildSpec]:
        channels = tuple(
            ChildSpec(
                name=f"channel-{name}",
                factory=lambda channel=channel: channel,  # type: ignore[misc]
                depends_on=() if self.choices.containerd else ("containerd",),
            )
            for name, channel in self.channels.items()
        )
        if self.choices.containerd:
            return channels
        process = ChildSpec(
            name="containerd", factory=self._containerd_process, grace=CONTAINERD_GRACE
        )
        return (process, *channels)

    def _container_services(self) -> Sequence[ChildSpec]:
        outside = self.outside
        return (
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
                name="leavings",
                factory=lambda: LeavingsService(
                    outside.leavings, outside.runtime, outside.leftovers
                ),
            ),
            ChildSpec(
                name="restarts",
                factory=lambda: RestartManager(outside.restarts, self.nursery.again),
            ),
        )

    def _containerd_process(self) -> EmbeddedContainerd:
        self.embedded = EmbeddedContainerd(
            self.data.path, self.exec_root, leave_running=self.leave_running, on_running=self._nudge
        )
        return self.embedded

    def _nudge(self) -> None:
        for channel in self.channels.values():
            channel.nudge()

    def _watcher(self) -> ShimWatcher:
        return ShimWatcher(self.watched, self.room, self.execs, reconnected=self.images.refresh)

    def _status(self) -> Server:
        return status_server(self)

    def _api(self) -> Server:
        rooms = Rooms(
            builds=self.builds,
            containers=self.containers,
            contents=Contents(self.room),
            commits=Commits(self.room, self.containers),
            prunes=Prunes(self.room, self.containers),
            execs=self.execs,
            images=self.images,
            managed=self.managed,
            events=self.events,
            networks=self.networks,
            volumes=self.volumes,
            storage=self.storage,
            system=self.system,
            disk=DiskReport(self.containers, self.images, self.volumes),
            operators=self.operators,
        )
        return api_server(self, rooms)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until `stop`. IntensityExceeded when a part does not stay up."""
        trio.lowlevel.add_instrument(self.operators.ages)
        await self.root.run(task_status=Announced(self.ready, task_status))

    async def stop(self) -> None:
        """An orderly end: the containers first (unless they are to live on), then the tree from its leaves."""
        running = any(cell.running for cell in self.room.registry)
        self.leave_running = self.handover.wanted or (self.settings.live_restore and running)
        if not self.leave_running:
            await stop_all(self.room, self.containers, self.settings.shutdown_timeout)
        if self.embedded is not None:
            self.embedded.leave_running = self.leave_running
        if self.ready.is_set():
            await self.root.remove("api")
        await self.root.stop()
        await trio.to_thread.run_sync(cgroups.remove_empty, own_cgroup(self.engine_id))

    def close(self) -> None:
        self.state.close()
