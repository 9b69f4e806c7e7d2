"""The way into a container: nobody is frozen while it enters.

runc joins the container's cgroup before it becomes the new process. Frozen there, it never answers the
shim, which then answers no other call for this container, not even the one that would thaw it.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import trio

from engine.errors import SystemFailure

PATIENCE = 12.0
"""Seconds that a freeze waits for who is on the way in: more than a process may take for it."""


class Doorway:
    """Many enter at a time; while it is shut nobody does. `shuts` counts how often it was."""

    def __init__(self) -> None:
        self.shuts = 0
        self._inside = 0
        self._shut = False
        self._lot = trio.lowlevel.ParkingLot()

    @contextlib.asynccontextmanager
    async def entering(self) -> AsyncIterator[None]:
        while self._shut:
            await self._lot.park()
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            self._lot.unpark_all()

    @contextlib.asynccontextmanager
    async def shut(self) -> AsyncIterator[None]:
        """SystemFailure where somebody stays in the doorway. One at a time: needs the cell's slot."""
        self._shut = True
        try:
            with trio.move_on_after(PATIENCE):
                while self._inside:
                    await self._lot.park()
            if self._inside:
                raise SystemFailure(
                    "a container is not frozen while a process does not come to its start"
                )
            yield
        finally:
            self._shut = False
            self.shuts += 1
            self._lot.unpark_all()
