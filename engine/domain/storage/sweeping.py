"""The sweep: what a crash has left, and nobody owns, goes when it has been nobody's for the grace.

What is in containerd's directories is left to containerd, which is made to look for what its books don't
have: by itself it does that only where it has just removed something. The one thing that it never sees
is an upload whose beginning was cut off.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import trio

from engine.domain.images.facade import ENGINE, INGEST
from engine.domain.storage.account import Accountant
from engine.domain.storage.owners import UPLOADS
from engine.domain.storage.ports import Disk, Stores, Unit
from engine.errors import EngineError, NotFound
from engine.models.storage import Item, SweepReport

log = logging.getLogger(__name__)

Broom = Callable[[float | None], Awaitable[None]]
"""A room's own sweep: it takes away what it knows to be nobody's, after its own grace or the given one."""

_DAY = 24 * 3600.0


class Sweeper:
    """Remembers since when what was nobody's. Passive: outlives the service."""

    def __init__(
        self,
        accountant: Accountant,
        disk: Disk,
        stores: Stores,
        engine_id: str,
        brooms: Sequence[Broom],
    ) -> None:
        self._accountant = accountant
        self._disk = disk
        self._stores = stores
        self._own = {ENGINE: engine_id, INGEST: "true"}
        self._brooms = brooms
        self._since: dict[str, float] = {}

    def note(self, unowned: Sequence[Unit]) -> list[Item]:
        """What is nobody's now, with how long it has been seen so."""
        now = trio.current_time()
        self._since = {each.path: self._since.get(each.path, now) for each in unowned}
        return [Item(each.path, each.bytes, now - self._since[each.path]) for each in unowned]

    async def sweep(
        self, grace: float, *, asked: float | None = None, dry_run: bool = False
    ) -> SweepReport:
        """`asked` is the grace that somebody named, if so. Unavailable while containerd is away."""
        if not dry_run:
            for broom in self._brooms:
                await broom(asked)
        found = self.note((await self._accountant.measure()).unowned)
        ripe = [each for each in found if each.for_s >= grace]
        left = [each for each in found if each.for_s < grace]
        if dry_run or not ripe:
            return SweepReport(removed=ripe, left=left, collected=[], dry_run=dry_run)
        for each in ripe:
            if not _is_containerds(each):
                await self._take_away(each)
        if any(_is_containerds(each) for each in ripe):
            await self._scrub()
        still = {each.path for each in self.note((await self._accountant.measure()).unowned)}
        for each in ripe:
            if each.path in still and each.path.startswith(f"{UPLOADS}/"):
                await self._take_away(each)
                still.discard(each.path)
        removed = [each for each in ripe if each.path not in still]
        left += [each for each in ripe if each.path in still]
        return SweepReport(removed=removed, left=left, collected=[])

    async def _take_away(self, item: Item) -> None:
        try:
            await self._disk.remove(item.path)
        except EngineError as error:
            log.warning("sweeping %s: %s", item.path, error)

    async def _scrub(self) -> None:
        """Something added and removed in each store, so that the collection looks through all of it."""
        token = secrets.token_hex(16)
        lease = f"trimaran-collect-{token}"
        await self._stores.leases.create(lease, self._own, expire_s=_DAY)
        try:
            snapshot = f"trimaran-scrub-{token}"
            await self._stores.snapshots.prepare(snapshot, labels=self._own, lease=lease)
            await self._stores.snapshots.remove(snapshot)
            data = token.encode()
            digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
            async with self._stores.content.writer(snapshot, lease=lease) as writer:
                await writer.write(data)
                await writer.commit(len(data), digest, self._own)
            await self._stores.content.delete(digest)
        finally:
            with suppress(NotFound):
                await self._stores.leases.delete(lease, sync=True)


def _is_containerds(item: Item) -> bool:
    return item.path.startswith("containerd/")
