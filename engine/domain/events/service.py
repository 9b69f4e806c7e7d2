"""Retention of the log: the limits, which may change while the daemon runs, and the service that keeps them.

Publishing needs no task of its own (see bus).
"""

from __future__ import annotations

import time

import msgspec
import trio

from engine.domain.events.ports import EventLog
from supervisors import Worker

PERIOD = 60.0
TIMELINE = 1000
"""Entries that a living container's timeline keeps beyond the event log."""


class Retention(msgspec.Struct, frozen=True):
    """How long events are kept; 0 means no limit. Age in seconds, bytes of JSON.

    `timeline`: how long after its removal a container's own are, in seconds.
    """

    count: int = 1_000_000
    age: int = 30 * 24 * 3600
    bytes: int = 512 << 20
    timeline: int = 30 * 24 * 3600


class Limits:
    """The retention in force; it outlives the service."""

    def __init__(self, retention: Retention) -> None:
        self.retention = retention
        self.changed = trio.Event()

    def change(self, retention: Retention) -> None:
        """Keep so much from now on; what is beyond it goes at once."""
        self.retention = retention
        self.changed.set()


class EventsService(Worker):
    """Prunes the log at its start, then every minute, and when the limits change."""

    def __init__(self, log: EventLog, limits: Limits) -> None:
        self._log = log
        self._limits = limits

    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        while True:
            self._limits.changed = trio.Event()
            await trio.to_thread.run_sync(self._prune)
            with trio.move_on_after(PERIOD):
                await self._limits.changed.wait()

    def _prune(self) -> None:
        keep = self._limits.retention
        oldest = time.time_ns() - keep.age * 1_000_000_000 if keep.age else 0
        self._log.prune_events(keep=keep.count, newer_than_ns=oldest, max_bytes=keep.bytes)
        ended = time.time_ns() - keep.timeline * 1_000_000_000
        self._log.prune_timelines(newer_than_ns=ended, most=TIMELINE)
