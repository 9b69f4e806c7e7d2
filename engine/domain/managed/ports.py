"""What the room of managed plugins needs from outside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from engine.domain.events.facade import NewEvent
from engine.domain.managed.records import Package, PluginRecord


class Store(Protocol):
    async def load(self) -> list[PluginRecord]: ...

    async def put(self, record: PluginRecord, event: NewEvent | None) -> None: ...

    async def drop(self, record: PluginRecord, event: NewEvent) -> None: ...


class Machine(Protocol):
    """Each call ends by a deadline of its own; EngineError. `stop` and `remove` are idempotent."""

    async def pack(self, chunks: AsyncIterator[bytes]) -> tuple[bytes, Package]:
        """Take in a tar of config.json and rootfs/; the configuration as it was written."""
        ...

    async def install(self, plugin_id: str, package: Package) -> None:
        """A writable root on the package's layer."""
        ...

    async def start(self, record: PluginRecord) -> None:
        """Run it; one that runs already is fine."""
        ...

    async def wait(self, plugin_id: str) -> int:
        """Until it ends, as long as it takes; its exit status. NotFound if it does not run."""
        ...

    async def stop(self, plugin_id: str) -> None: ...

    async def remove(self, plugin_id: str, package: Package, *, shared: bool) -> None:
        """Its root and, unless `shared` with another plugin, its blobs."""
        ...

    def address(self, record: PluginRecord) -> str:
        """Its socket on the host."""
        ...

    def root(self, plugin_id: str) -> str: ...

    def propagated(self, plugin_id: str) -> str:
        """The directory on the host that is mounted at the plugin's PropagatedMount."""
        ...
