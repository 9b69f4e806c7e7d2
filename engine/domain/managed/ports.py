"""What the room of managed plugins needs from outside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from typing import Protocol

from engine.domain.events.facade import NewEvent
from engine.domain.images.facade import Report
from engine.domain.managed.records import Package, PluginRecord


class Store(Protocol):
    async def load(self) -> list[PluginRecord]: ...

    async def put(self, record: PluginRecord, event: NewEvent | None) -> None: ...

    async def drop(self, record: PluginRecord, event: NewEvent) -> None: ...


class Machine(Protocol):
    """Each call ends by a deadline of its own; EngineError. `stop` and `remove` are idempotent."""

    async def pack(
        self, chunks: AsyncIterator[bytes], finish: Callable[[bytes, str], bytes]
    ) -> tuple[bytes, Package]:
        """Take in a tar of config.json and rootfs/. `finish` makes of the file and the layer's diff ID
        the configuration to be stored, which is the answer."""
        ...

    async def install(self, record: PluginRecord, report: Report) -> None:
        """Keep the package, and make a writable root on its layer. InvalidParameter if that is not what it says."""
        ...

    async def start(self, record: PluginRecord) -> None:
        """Run it; one that runs already is fine."""
        ...

    async def wait(self, plugin_id: str) -> int:
        """Until it ends, as long as it takes; its exit status. NotFound if it does not run."""
        ...

    async def stop(self, plugin_id: str) -> None: ...

    async def remove(self, record: PluginRecord, others: Collection[Package]) -> None:
        """All of it, but for the blobs and the layer that `others` need too."""
        ...

    async def discard(self, record: PluginRecord, others: Collection[Package]) -> None:
        """The package and root of one generation; what else the plugin has stays."""
        ...

    async def sweep(self, records: Collection[PluginRecord]) -> None:
        """Remove what a daemon that died has left of plugins that are none of these."""
        ...

    def address(self, record: PluginRecord) -> str:
        """Its socket on the host."""
        ...

    def root(self, plugin_id: str) -> str: ...

    def propagated(self, plugin_id: str) -> str:
        """The directory on the host that is mounted at the plugin's PropagatedMount."""
        ...
