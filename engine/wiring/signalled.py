"""What signals ask of the engine, joined to who can do it."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import trio

from engine.adapters.host.stacks import task_tree, write_stacks
from engine.models.reload import ReloadReport

if TYPE_CHECKING:
    from engine.daemon import Engine

log = logging.getLogger("trimarand")


class Signalled:
    """The engine as `engine.signals` knows it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def stop(self) -> None:
        await self._engine.stop()

    async def reload(self) -> ReloadReport:
        return await self._engine.reloader.reload()

    async def write_stacks(self) -> None:
        """Into the exec root, row 30's file name and log line."""
        text = task_tree()
        path = await trio.to_thread.run_sync(write_stacks, self._engine.exec_root, text)
        log.info("goroutine stacks written to %s", path)

    def show_stacks(self) -> None:
        sys.stderr.write(task_tree())
        sys.stderr.flush()
