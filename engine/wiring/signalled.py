"""What signals ask of the engine, joined to who can do it."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import trio

from engine.adapters.host.notify import Notifier
from engine.adapters.host.stacks import task_tree, write_stacks
from engine.models.reload import ReloadReport

if TYPE_CHECKING:
    from engine.daemon import Engine

log = logging.getLogger("trimarand")


EXTENDING = 10.0
"""Seconds after which systemd is asked for more; each time it gives 30."""


async def extending(notifier: Notifier) -> None:
    """Ask for more time until cancelled."""
    while True:
        notifier.extend()
        await trio.sleep(EXTENDING)


class Signalled:
    """The engine as `engine.signals` knows it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def stop(self) -> None:
        """With more time from systemd for as long as it takes."""
        notifier = self._engine.notifier
        notifier.stopping()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(extending, notifier)
            await self._engine.stop()
            nursery.cancel_scope.cancel()

    async def reload(self) -> ReloadReport:
        notifier = self._engine.notifier
        notifier.reloading()
        try:
            return await self._engine.reloader.reload()
        finally:
            notifier.ready()

    async def upgrade(self) -> None:
        """End, leaving containers and listening sockets to the program as it is installed now.

        Refused when that would stop containers: it is live restore that brings them back.
        """
        engine = self._engine
        if engine.containers.counts()[0] and not engine.settings.live_restore:
            log.error("not handing over: containers run, and live-restore is off")
            return
        log.info("handing over to a new program")
        engine.notifier.reloading()
        engine.handover.wanted = True
        await engine.stop()

    async def write_stacks(self) -> None:
        """Into the exec root, row 30's file name and log line."""
        text = task_tree()
        path = await trio.to_thread.run_sync(write_stacks, self._engine.exec_root, text)
        log.info("goroutine stacks written to %s", path)

    def show_stacks(self) -> None:
        sys.stderr.write(task_tree())
        sys.stderr.flush()
