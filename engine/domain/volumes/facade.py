"""All that routes and other rooms may import of the volumes room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.domain.volumes import filters as filtering
from engine.domain.volumes import rules, views
from engine.domain.volumes.book import Book
from engine.domain.volumes.filters import Filters
from engine.domain.volumes.messages import (
    Create,
    Fill,
    Message,
    MountAll,
    Provide,
    Prune,
    Release,
    Remove,
    Restore,
    UnmountAll,
)
from engine.domain.volumes.ports import Disk, Drivers, NotADirectory, RemoteVolume, Store
from engine.domain.volumes.records import LOCAL, VolumeRecord, VolumeUse, VolumeWish
from engine.domain.volumes.remote import Remote
from engine.domain.volumes.service import VolumesService
from engine.domain.volumes.views import mounted, unmounted
from engine.errors import EngineError, SystemFailure
from engine.models.runtime import Mount
from engine.models.volumes import (
    Volume,
    VolumeCreateRequest,
    VolumeListResponse,
    VolumePruneReport,
)
from supervisors import Mailbox

__all__ = [
    "NotADirectory",
    "VolumeRecord",
    "VolumeUse",
    "VolumeWish",
    "Volumes",
    "mounted",
    "unmounted",
]


class Volumes:
    """The volumes of this engine. Reads answer at once, changes go through the mailbox and run to their
    end though their asker leaves.

    `service` is the factory for the supervision tree; before anything can be changed, `restore`
    must be asked once.
    """

    def __init__(self, *, disk: Disk, store: Store, drivers: Drivers) -> None:
        self.mailbox: Mailbox[Message] = Mailbox("volumes", capacity=1024)
        self._book = Book()
        self._drivers = drivers
        self._remote = Remote(self._book, drivers)
        self._disk = disk
        self._store = store

    def service(self) -> VolumesService:
        return VolumesService(self._book, self.mailbox, self._disk, self._store, self._remote)

    # reading

    def list(self, filters: Filters | None = None) -> VolumeListResponse:
        """`GET /volumes`. Raises InvalidParameter for a filter that dockerd doesn't know."""
        wanted = filters or {}
        filtering.check_listing(wanted)
        found = [
            self._view(record)
            for record in views.by_name(self._book.volumes.values())
            if filtering.listed(record, wanted, used=bool(self._book.users(record.name)))
        ]
        return VolumeListResponse(volumes=found)

    def names(self) -> Iterable[str]:
        """Of all volumes, also of those that are being made."""
        return [*self._book.volumes, *self._book.making]

    def inspect(self, name: str) -> Volume:
        """What is in memory of it; NotFound."""
        return self._view(self._book.find(name))

    async def describe(self, name: str) -> Volume:
        """`GET /volumes/{name}`: another driver's is asked, and what keeps it from answering is told."""
        record = self._book.find(name)
        if record.driver == LOCAL:
            return self._view(record)
        return views.volume_view(record, "", await self._remote.look(record))

    def drivers(self) -> Sequence[str]:
        """Those in use, the local one first."""
        return [LOCAL, *self._drivers.active()]

    def uses(self, driver: str) -> bool:
        """Whether a volume is this driver's; its name as familiar as it was given, the tag `latest` left out or not."""
        names = {driver, driver.removesuffix(":latest")}
        return any(each.driver in names for each in self._book.volumes.values())

    def mountpoint(self, name: str) -> str:
        """Where the volume's content is on the host, while it is mounted if it has to be."""
        return self._disk.mountpoint(name)

    def users(self, name: str) -> Sequence[str]:
        """The IDs of the containers that refer to it."""
        return self._book.users(name)

    async def check(self, wish: VolumeWish) -> None:
        """Raises what `provide` would raise now for a wish that cannot be met."""
        await self._remote.check(wish, self._book.volumes.get(wish.name))

    def needs_mount(self, name: str) -> bool:
        """Whether its content is there only while it is mounted; NotFound."""
        return rules.needs_mount(self._book.find(name))

    async def may_be_filled(self, name: str) -> bool:
        """False for a volume that surely has content. One that isn't mounted yet may be empty."""
        if self.needs_mount(name):
            return True
        return await self._disk.is_empty(name)

    async def size(self, name: str) -> int:
        """Bytes in files; NotFound, SystemFailure, also for what another driver has."""
        if self._book.find(name).driver != LOCAL:
            raise SystemFailure(f"the size of volume {name} is its driver's")
        return await self._disk.size(name)

    # changing

    async def create(self, request: VolumeCreateRequest) -> Volume:
        """`POST /volumes/create`; an existing volume of the same driver is the answer."""
        wish = VolumeWish(
            name=request.name,
            driver=request.driver,
            labels=request.labels,
            options=request.driver_opts,
        )
        record = await self.mailbox.ask(Create(wish))
        try:
            return await self.describe(record.name)
        except EngineError:
            return self._view(record)

    async def remove(self, name: str, *, force: bool = False) -> None:
        """NotFound (not with force), Conflict while containers refer to it."""
        await self.mailbox.ask(Remove(name, force))

    async def prune(self, filters: Filters, *, everything: bool = False) -> VolumePruneReport:
        """Unused volumes; only anonymous ones unless `everything` or the filter `all` says so."""
        return await self.mailbox.ask(Prune(filtering.pruning(filters, everything=everything)))

    async def restore(self, uses: Iterable[VolumeUse]) -> None:
        """Take up what the containers refer to. A volume whose record was lost gets a new one."""
        await self.mailbox.ask(Restore(tuple(uses)))

    async def provide(
        self, container_id: str, wishes: Iterable[VolumeWish]
    ) -> Sequence[VolumeRecord]:
        """Create or use each, with a reference; the answers in the wishes' order."""
        return await self.mailbox.ask(Provide(container_id, tuple(wishes)))

    async def release(self, container_id: str, discard: Iterable[str] = ()) -> None:
        """Drop a container's references, and those of the volumes that nobody else has. Idempotent."""
        await self.mailbox.ask(Release(container_id, tuple(discard)))

    async def fill(
        self, container_id: str, name: str, subpath: str, rootfs: Sequence[Mount], path: str
    ) -> None:
        """Copy-up from a root file system that isn't in use, into the volume if it is empty.

        NotADirectory when the root has a file there.
        """
        await self.mailbox.ask(Fill(container_id, name, subpath, rootfs, path))

    async def mount(self, container_id: str, names: Iterable[str]) -> None:
        """Mount the volumes with options; SystemFailure `error while mounting volume ...`."""
        wanted = tuple(name for name in names if self.needs_mount(name))
        if wanted:
            await self.mailbox.ask(MountAll(container_id, wanted))

    async def unmount(self, container_id: str) -> None:
        """Idempotent; never fails for a mount that stays."""
        if self._book.mounted_for(container_id):
            await self.mailbox.ask(UnmountAll(container_id))

    async def expose(self, name: str, subpath: str, point: str) -> None:
        """Bind a path below the volume to `point` until `conceal`; SystemFailure when it isn't there."""
        await self._disk.expose(name, subpath, point)

    async def conceal(self, point: str) -> None:
        await self._disk.conceal(point)

    def _view(self, record: VolumeRecord) -> Volume:
        if record.driver != LOCAL:
            return views.volume_view(record, "", RemoteVolume())
        return views.volume_view(record, self._disk.mountpoint(record.name))
