"""The daemon's word to systemd that it lives, given only when it does: its loop turns, and its checks pass."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

import trio

from supervisors import Worker

log = logging.getLogger(__name__)

STATUS_PERIOD = 5.0
"""Seconds between looks at what the status line says, without a watchdog."""
SHARE = 3
"""Pings within the watchdog's time: one that is late is no reason to be killed."""


class Manager(Protocol):
    """systemd, or nobody. `watchdog`: it wants to hear of us within so many seconds."""

    @property
    def enabled(self) -> bool: ...
    @property
    def watchdog(self) -> float | None: ...
    def send(self, *assignments: str) -> None: ...


class WatchdogService(Worker):
    """A loop that is frozen sends no pings; neither does one whose `check` fails or does not return."""

    def __init__(
        self, manager: Manager, check: Callable[[], Awaitable[object]], status: Callable[[], str]
    ) -> None:
        """`status` is a line for people, shown by `systemctl status`."""
        self._manager = manager
        self._check = check
        self._status = status
        self._told = ""

    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        if not self._manager.enabled:
            await trio.sleep_forever()
        limit = self._manager.watchdog
        period = STATUS_PERIOD if limit is None else limit / SHARE
        while True:
            self._tell_status()
            if limit is not None and await self._sound(period):
                self._manager.send("WATCHDOG=1")
            await trio.sleep(period)

    def _tell_status(self) -> None:
        text = self._status()
        if text != self._told:
            self._told = text
            self._manager.send(f"STATUS={text}")

    async def _sound(self, patience: float) -> bool:
        try:
            with trio.fail_after(patience):
                await self._check()
        except trio.TooSlowError:
            log.error("the watchdog's check does not return")
            return False
        except Exception:
            log.exception("the watchdog's check fails")
            return False
        return True
