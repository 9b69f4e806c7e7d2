"""The storage room's Disk: the data root of this daemon, each call in a worker thread with a deadline."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import trio

from engine.adapters.storage import tree
from engine.domain.storage.owners import UPLOADS
from engine.domain.storage.ports import Space, Unit
from engine.errors import DeadlineExceeded, SystemFailure

T = TypeVar("T")

QUICK = 30.0
WALK = 3600.0


class HostStorage:
    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        # Walks take turns: they cost the disk and this process more than they gain together.
        self._walks = trio.CapacityLimiter(1)

    @property
    def root(self) -> str:
        return str(self._root)

    async def survey(self, splits: Callable[[str], bool]) -> Sequence[Unit]:
        pause = trio.from_thread.check_cancelled
        return await self._thread(WALK, lambda: tree.survey(self._root, splits, pause), self._walks)

    async def uploads(self) -> Mapping[str, str]:
        found = await self._thread(QUICK, lambda: tree.uploads(self._root / UPLOADS))
        return {f"{UPLOADS}/{name}": reference for name, reference in found.items()}

    async def space(self) -> Space:
        return await self._thread(QUICK, lambda: space(self._root))

    async def remove(self, path: str) -> None:
        await self._thread(WALK, lambda: tree.remove(self._root, path))

    async def _thread(
        self, deadline: float, work: Callable[[], T], limiter: trio.CapacityLimiter | None = None
    ) -> T:
        try:
            with trio.fail_after(deadline):
                return await trio.to_thread.run_sync(work, limiter=limiter)
        except trio.TooSlowError:
            raise DeadlineExceeded(f"the disk did not answer within {deadline:.0f} s") from None
        except OSError as error:
            reason = os.strerror(error.errno or 0).lower()
            raise SystemFailure(f"{error.filename or self._root}: {reason}") from error


def space(path: Path) -> Space:
    """What others than root may use is free: that is what our containers get, too."""
    found = os.statvfs(path)
    return Space(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)
