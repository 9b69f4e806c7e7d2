"""All that routes and other rooms may import of the storage room: the account, and the sweep."""

from __future__ import annotations

from collections.abc import Sequence

from engine.domain.images.facade import Images, Users
from engine.domain.storage.account import Accountant, Names
from engine.domain.storage.collection import Collector, Tell, used
from engine.domain.storage.messages import Message, Sweep
from engine.domain.storage.ports import Disk, Stores
from engine.domain.storage.service import StorageService
from engine.domain.storage.settings import StorageSettings
from engine.domain.storage.sweeping import Broom, Sweeper
from engine.models.storage import Collection, StorageReport, SweepReport
from supervisors import Mailbox

__all__ = ["Broom", "Storage", "StorageSettings"]


class Storage:
    """`brooms` are the other rooms' own sweeps; `users` tells which containers an image has; `plugins` is containerd
    in the namespace of managed plugins."""

    def __init__(
        self,
        settings: StorageSettings,
        disk: Disk,
        stores: Stores,
        images: Images,
        *,
        users: Users,
        containers: Names,
        volumes: Names,
        brooms: Sequence[Broom],
        tell: Tell,
        plugins: Stores | None = None,
    ) -> None:
        self.mailbox: Mailbox[Message] = Mailbox("storage")
        self._settings = settings
        self._disk = disk
        self._tell = tell
        self._accountant = Accountant(
            disk,
            stores,
            engine_id=settings.engine_id,
            embedded=settings.embedded,
            containers=containers,
            volumes=volumes,
            plugins=plugins,
        )
        self._sweeper = Sweeper(self._accountant, disk, stores, settings.engine_id, brooms)
        self._collector = Collector(settings, disk, images, users, tell)

    def service(self) -> StorageService:
        """A fresh incarnation of the service, for a ChildSpec."""
        return StorageService(
            self.mailbox, self._settings, self._sweeper, self._collector, self._tell
        )

    async def report(self) -> StorageReport:
        """`GET /_trimaran/storage`. Unavailable while containerd is away."""
        account = await self._accountant.measure()
        space = await self._disk.space()
        settings = self._settings
        return StorageReport(
            data_root=self._disk.root,
            total=account.total,
            owners=account.owners,
            unowned=self._sweeper.note(account.unowned),
            size=space.size,
            free=space.free,
            reserve=settings.reserve,
            collection=Collection(
                high=settings.high,
                low=settings.low,
                used=round(used(space), 1),
                dry_run=settings.dry_run,
                last=self._collector.last,
            ),
        )

    async def sweep(self, *, grace: float | None = None, dry_run: bool = False) -> SweepReport:
        """`POST /_trimaran/storage/sweep`: now, and with another grace than the configured one if need be."""
        return await self.mailbox.ask(Sweep(grace, dry_run))
