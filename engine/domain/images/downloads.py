"""Blobs from registries into the content store: shared, limited in number, resumed, verified."""

from __future__ import annotations

import math
from contextlib import aclosing

import trio

from engine.domain.images.ingest import Ingest, joined
from engine.domain.images.outbox import Report
from engine.domain.images.ports import ContentWriter, Descriptor
from engine.domain.images.progress import layer_bar, layer_status
from engine.domain.images.registries import Interrupted, Repository
from engine.domain.images.turns import Turns
from engine.errors import Conflict, SystemFailure

__all__ = ["Downloads"]

# dockerd's: 5 s more after each failure.
DELAY = 5.0
# A registry that asks for more patience than this is told so instead.
LONGEST_DELAY = 300.0
# This much between two failures is progress, and the attempts are counted anew.
PROGRESS = 1 << 20
BAR_INTERVAL = 0.1


class Downloads:
    """`limit` downloads at a time, over all pulls; `attempts` for each, as in dockerd."""

    def __init__(self, *, limit: float = 3, attempts: int = 5) -> None:
        self.limiter = trio.CapacityLimiter(limit)
        self.attempts = attempts
        self._turns = Turns()

    async def fetch(
        self, blob: Descriptor, repository: Repository, ingest: Ingest, report: Report
    ) -> None:
        """Have the blob in the content store, held by the ingest's lease.

        Raises Refused, and SystemFailure for content that is not what its descriptor says.
        """
        async with self._turns.turn(blob.digest, report) as tell:
            if await ingest.has(blob.digest):
                tell(layer_status(blob.digest, "Download complete"))
                return
            if self.limiter.available_tokens < 1:
                tell(layer_status(blob.digest, "Waiting"))
            async with self.limiter:
                await _Download(blob, repository, ingest, tell, self.attempts).run()


class _Corrupt(SystemFailure):
    """What arrived is not the blob; `resumed` when part of it came in an earlier attempt."""

    def __init__(self, digest: str, *, resumed: bool) -> None:
        super().__init__(f"filesystem layer verification failed for digest {digest}")
        self.resumed = resumed


class _Download:
    def __init__(
        self,
        blob: Descriptor,
        repository: Repository,
        ingest: Ingest,
        report: Report,
        attempts: int,
    ) -> None:
        self._blob = blob
        self._repository = repository
        self._ingest = ingest
        self._report = report
        self._attempts = attempts
        self._told = -math.inf
        self._taken = 0

    async def run(self) -> None:
        failures = 0
        while True:
            self._taken = 0
            try:
                await self._attempt()
                return
            except Interrupted as error:
                failures = 1 if self._taken >= PROGRESS else failures + 1
                delay = error.retry_after or failures * DELAY
                if failures >= self._attempts or delay > LONGEST_DELAY:
                    raise SystemFailure(
                        f"download failed after attempts={failures}: {error}"
                    ) from error
                await self._count_down(math.ceil(delay))

    async def _attempt(self) -> None:
        """Go on where the last attempt ended; once more from the start if that was what is wrong."""
        try:
            await self._bring()
            return
        except _Corrupt as corrupt:
            await self._ingest.drop_download(self._blob)
            if not corrupt.resumed:
                raise
        try:
            await self._bring()
        except _Corrupt:
            await self._ingest.drop_download(self._blob)
            raise

    async def _bring(self) -> None:
        blob = self._blob
        async with self._ingest.download(blob) as writer:
            if writer.exists:
                return
            begun = writer.offset
            if begun < blob.size:
                await self._transfer(writer)
            self._report(layer_status(blob.digest, "Verifying Checksum"))
            try:
                await self._ingest.commit_download(writer, blob)
            except Conflict:
                raise _Corrupt(blob.digest, resumed=begun > 0) from None
        self._report(layer_status(blob.digest, "Download complete"))

    async def _transfer(self, writer: ContentWriter) -> None:
        """Raises Interrupted for a blob that ends early: the connection may have been cut."""
        blob, begun = self._blob, writer.offset
        async with (
            self._repository.blob(blob, begun) as chunks,
            aclosing(joined(chunks)) as pieces,
        ):
            async for piece in pieces:
                if writer.offset + len(piece) > blob.size:
                    raise _Corrupt(blob.digest, resumed=begun > 0)
                self._ingest.make_room(len(piece))
                await writer.write(piece)
                self._taken += len(piece)
                self._bar(writer.offset)
        if writer.offset < blob.size:
            raise Interrupted("unexpected EOF")

    def _bar(self, current: int) -> None:
        now = trio.current_time()
        if now - self._told >= BAR_INTERVAL:
            self._told = now
            self._report(layer_bar(self._blob.digest, "Downloading", current, self._blob.size))

    async def _count_down(self, seconds: int) -> None:
        for left in range(seconds, 0, -1):
            unit = "second" if left == 1 else "seconds"
            self._report(layer_status(self._blob.digest, f"Retrying in {left} {unit}"))
            await trio.sleep(1)
