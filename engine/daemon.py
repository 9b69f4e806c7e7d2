"""THE TREE: every service of the engine, what it depends on, and the only place where rooms meet adapters.

Read this first. `Engine` makes the passive parts (registries, mailboxes, the bus), then describes the
services as data; `serve` runs the tree until it is told to stop.
"""

from __future__ import annotations

import logging
from pathlib import Path

from config.schema import Settings

from engine.adapters.containerd.channel import Channel
from engine.adapters.containerd.client import Containerd
from engine.adapters.containerd.process import EmbeddedContainerd
from engine.adapters.host.facts import read_facts
from engine.adapters.host.identity import DataRoot
from engine.adapters.store.database import Database
from engine.domain.events.bus import EventBus
from engine.domain.events.facade import Events, Journal
from engine.domain.events.messages import Commit
from supervisors import Mailbox, Supervisor

log = logging.getLogger(__name__)

HOST_CONTAINERD = "/run/containerd/containerd.sock"


class Engine:
    """Everything that a running daemon is made of."""

    def __init__(self, settings: Settings, data: DataRoot) -> None:
        self.settings = settings
        self.data = data
        self.exec_root = Path(settings.exec_root)
        self.facts = read_facts()
        self._open_state()
        self._connect_containerd()
        self._furnish_rooms()
        self.root = Supervisor("root", self._children(), max_restarts=3, period=300.0)

    # the passive parts

    def _open_state(self) -> None:
        self.database = Database(self.data.path / "state.db")
        self.engine_id = self.data.engine_id
        self.commits: Mailbox[Commit] = Mailbox("store", 1024)
        self.bus = EventBus(self.database)
        self.journal = Journal(self.commits)
        self.events = Events(self.bus)

    def _connect_containerd(self) -> None:
        address = self.settings.containerd or self.data.recorded_containerd()
        self.embedded: EmbeddedContainerd | None = None
        self._address = address or str(self.exec_root / "containerd" / "containerd.sock")
        self._embeds = not address
        self.channels = {
            name: Channel(self._address, name=name) for name in ("control", "bulk", "events")
        }
        namespace, snapshotter = self.settings.containerd_namespace, self.data.snapshotter
        self.containerd = Containerd(
            self.channels["control"],
            self.channels["bulk"],
            namespace=namespace,
            snapshotter=snapshotter,
        )
        self.watched = Containerd(
            self.channels["events"],
            self.channels["bulk"],
            namespace=namespace,
            snapshotter=snapshotter,
        )
