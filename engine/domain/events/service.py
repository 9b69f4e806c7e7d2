"""The events service: retention of the log. Publishing needs no task of its own (see bus)."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
import trio

from engine.domain.events.ports import EventLog
from supervisors import Worker

PERIOD = 60.0


class Retention(msgspec.Struct, frozen=True):
    """How long events are kept; 0 means no limit. Age in seconds, bytes of JSON."""

    count: int = 1_000_000
    age: int = 30 * 24 * 3600
    bytes: int = 512 << 20


class EventsService(Worker):
    """Prunes the log at its start and then every minute."""

    def __init__(self, log: EventLog, retention: Callable[[], Retention]) -> None:
        """`retention` is asked at each pruning: a reload may change it."""
        self._log = log
        self._retention = retention

    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        while True:
            await trio.to_thread.run_sync(self._prune)
            await trio.sleep(PERIOD)

    def _prune(self) -> None:
        keep = self._retention()
        oldest = time.time_ns() - keep.age * 1_000_000_000 if keep.age else 0
        self._log.prune_events(keep=keep.count, newer_than_ns=oldest, max_bytes=keep.bytes)
