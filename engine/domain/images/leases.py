"""The lease that guards content between its first byte and the record that keeps it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import trio

from engine.domain.images.labels import ENGINE, INGEST, ours
from engine.domain.images.ports import Leases
from engine.errors import EngineError

__all__ = ["LeaseKeeper"]

# A pull may take hours; what a killed daemon leaves goes at its next start, or after this.
_EXPIRY = 24 * 3600.0
_CLEAN_UP = 10.0


class LeaseKeeper:
    """Makes this engine's ingest leases and knows which of them are in use."""

    def __init__(self, leases: Leases, engine_id: str) -> None:
        self._leases = leases
        self._engine_id = engine_id
        self._live: set[str] = set()

    @property
    def busy(self) -> bool:
        """Whether something is being taken in."""
        return bool(self._live)

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[str]:
        """The lease's ID. At the end, what nothing else keeps is containerd's to collect.

        After a failure that is at once: what was taken in so far is garbage.
        """
        id = f"trimaran-ingest-{secrets.token_hex(16)}"
        self._live.add(id)
        try:
            await self._leases.create(
                id, {ENGINE: self._engine_id, INGEST: "true"}, expire_s=_EXPIRY
            )
            yield id
        except BaseException:
            await self._end(id, sync=True)
            raise
        else:
            await self._end(id, sync=False)

    async def collect(self) -> None:
        """Have containerd collect garbage now; by itself it does so only after many changes."""
        id = f"trimaran-collect-{secrets.token_hex(8)}"
        await self._leases.create(id, {ENGINE: self._engine_id, INGEST: "true"}, expire_s=_EXPIRY)
        await self._leases.delete(id, sync=True)

    async def _end(self, id: str, *, sync: bool) -> None:
        self._live.discard(id)
        with trio.move_on_after(_CLEAN_UP, shield=True):
            await self._drop(id, sync=sync)

    async def drop_left_over(self) -> None:
        """Delete the leases of an earlier life of this engine."""
        for lease in await self._leases.list(f'{ours(self._engine_id)},labels."{INGEST}"==true'):
            if lease.id not in self._live:
                await self._drop(lease.id)

    async def _drop(self, id: str, *, sync: bool = False) -> None:
        # If it cannot be deleted now: it expires by itself, and the next start looks for it.
        with suppress(EngineError):
            await self._leases.delete(id, sync=sync)
