"""What happens once at start: records and directories agree again, references are taken up."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable

from engine.domain.volumes import rules, views
from engine.domain.volumes.book import Book
from engine.domain.volumes.lifecycle import Lifecycle, discard
from engine.domain.volumes.ports import Disk, Store, Survey
from engine.domain.volumes.records import VolumeUse
from engine.domain.volumes.remote import Remote
from engine.errors import EngineError

log = logging.getLogger(__name__)

Step = Callable[[str], Awaitable[None]]


class Startup:
    """A directory that no record and no intent speaks of is somebody else's, and left alone."""

    def __init__(
        self, book: Book, disk: Disk, store: Store, lifecycle: Lifecycle, remote: Remote
    ) -> None:
        self._book = book
        self._disk = disk
        self._store = store
        self._lifecycle = lifecycle
        self._remote = remote
        self._survey = Survey()

    async def set_up(self) -> None:
        """Once: load the records. Each time: finish what is half-made and the removals whose intent is open,
        undo those without one."""
        if not self._book.loaded:
            for record in await self._store.load():
                self._book.volumes[record.name] = record
        for name in list(self._book.making):
            await self._tolerate(name, self._finish_making)
        self._survey = await self._disk.survey()
        for name in await self._store.removing():
            await self._tolerate(name, self._finish_removal)
        for name in (await self._disk.survey()).stowed:
            await self._tolerate(name, self._settle_stowed)
        present = (await self._disk.survey()).present
        for name in self._book.volumes.keys() - present:
            await self._tolerate(name, self._disk.make)
        self._book.loaded = True

    async def restore(self, uses: Iterable[VolumeUse]) -> None:
        """Take up the containers' references; unmount what no running container has."""
        for use in uses:
            for wish in use.volumes:
                if wish.name not in self._book.volumes:
                    if not use.rebuild:
                        continue
                    # Its record was lost, its data need not be.
                    log.warning("volume %s has no record: it gets a new one", wish.name)
                    try:
                        await self._lifecycle.create(wish)
                    except EngineError as error:
                        # Another driver's, which is away: its container says so when it starts.
                        log.error("%s", error)
                        continue
                self._book.use(wish.name, use.container_id)
                record = self._book.volumes[wish.name]
                if use.running and rules.needs_mount(record):
                    self._book.mounts.setdefault(wish.name, set()).add(use.container_id)
        for name in self._survey.mounted - self._book.mounts.keys():
            if rules.needs_mount(self._book.find(name)):
                await self._tolerate(name, self._disk.unmount)
        for name in await self._store.mounting():
            if name not in self._book.mounts:
                self._remote.leave(name)
        self._book.restored = True

    async def _finish_making(self, name: str) -> None:
        await self._lifecycle.make(self._book.making[name])

    async def _finish_removal(self, name: str) -> None:
        record = self._book.volumes.get(name)
        if name in self._survey.present:
            await self._disk.stow(name)
        if record is not None:
            await self._store.drop(name, views.changed("destroy", record))
            del self._book.volumes[name]
            self._remote.forget(record)
        await discard(name, self._disk, self._store)

    async def _settle_stowed(self, name: str) -> None:
        """Put away, and no intent: a removal that power loss undid, or whose end was not deleted."""
        if name in self._book.volumes and name not in self._survey.present:
            await self._disk.bring_back(name)
        else:
            await self._disk.discard(name)

    async def _tolerate(self, name: str, step: Step) -> None:
        try:
            await step(name)
        except EngineError as error:
            log.error("volume %s: %s", name, error)
