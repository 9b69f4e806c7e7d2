"""The containerd client: one object with a part for each service."""

from __future__ import annotations

from engine.adapters.containerd.calls import TIMEOUT, Calls
from engine.adapters.containerd.channel import Channel
from engine.adapters.containerd.containers import Containers
from engine.adapters.containerd.content import Content
from engine.adapters.containerd.diffs import Diffs
from engine.adapters.containerd.events import Events
from engine.adapters.containerd.images import Images
from engine.adapters.containerd.leases import Leases
from engine.adapters.containerd.records import PluginInfo
from engine.adapters.containerd.server import Namespaces, Server
from engine.adapters.containerd.snapshots import Snapshots
from engine.adapters.containerd.tasks import Tasks


class Containerd:
    """containerd as seen from one namespace, with one snapshotter.

    Blobs move over the `bulk` channel, so that they don't delay the calls on `control`. Every
    call has a deadline (`timeout`, in seconds) and raises the errors of `engine.errors`.
    """

    def __init__(
        self,
        control: Channel,
        bulk: Channel,
        *,
        namespace: str,
        snapshotter: str = "overlayfs",
    ) -> None:
        self.control = control
        self.bulk = bulk
        self.namespace = namespace
        self.snapshotter = snapshotter
        self._calls = calls = Calls(control, namespace)
        self._server = Server(calls)
        self.containers = Containers(calls)
        self.tasks = Tasks(calls)
        self.snapshots = Snapshots(calls, snapshotter)
        self.content = Content(calls, Calls(bulk, namespace))
        self.images = Images(calls)
        self.leases = Leases(calls)
        self.diff = Diffs(calls)
        self.namespaces = Namespaces(calls)

    def in_namespace(self, namespace: str) -> Containerd:
        """The same server from another namespace."""
        return Containerd(
            self.control, self.bulk, namespace=namespace, snapshotter=self.snapshotter
        )

    def events(self, *filters: str, everywhere: bool = False) -> Events:
        """Subscribe to the events of this namespace (or of all) that match any filter."""
        return Events(self._calls, filters, everywhere=everywhere)

    async def version(self, *, timeout: float = TIMEOUT) -> tuple[str, str]:
        return await self._server.version(timeout=timeout)

    async def plugins(self, *filters: str, timeout: float = TIMEOUT) -> list[PluginInfo]:
        return await self._server.plugins(*filters, timeout=timeout)

    async def uuid(self, *, timeout: float = TIMEOUT) -> str:
        return await self._server.uuid(timeout=timeout)
