"""Delivering one container's lines to its receiver, in order, for as long as there are any.

The container never waits for it: what it prints is in its log's files, and the delivery reads those.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
import trio

from engine.domain.logs.ports import Destination, Sink, SinkFactory
from engine.domain.logs.spool import Batch, Spool
from engine.errors import EngineError
from supervisors import Worker

if TYPE_CHECKING:
    from engine.domain.logs.writer import JsonFileLog

log = logging.getLogger(__name__)

CONNECT_LIMIT = 10.0
SEND_LIMIT = 30.0
FIRST_PAUSE, LAST_PAUSE = 0.25, 8.0
"""Seconds between attempts to reach a receiver, doubling from the first to the last."""
LAST_LINES = 2.0
"""Seconds that the daemon's end waits for a delivery."""

PIECE = 64
"""Lines that are encoded before it is others' turn: 2 ms with the most costly (compressed) format."""

_locks: trio.lowlevel.RunVar[trio.Lock] = trio.lowlevel.RunVar("log reads")
_FAILURES = (OSError, EngineError, trio.TooSlowError, trio.BrokenResourceError)


class Condition(msgspec.Struct):
    """The receiver as its delivery last saw it; `connected_ns` is 0 while it is not, and `error`
    the last one, also when it is over."""

    receiver: str = ""
    connected_ns: int = 0
    error: str = ""
    error_ns: int = 0


class Delivery:
    """What outlives the service: the place in the log, and whether more will come."""

    def __init__(self, destination: Destination, spool: Spool) -> None:
        self.destination = destination
        self.spool = spool
        self.condition = Condition()
        self.log: JsonFileLog | None = None
        self.idle = True  # no service is needed; only a service says so
        self.service = ""

    def attach(self, log: JsonFileLog) -> None:
        """A run begins, or goes on."""
        self.log = log
        self.idle = False

    @property
    def over(self) -> bool:
        """Nothing will be added before the next run."""
        return self.log is None or self.log.closed

    @property
    def version(self) -> int:
        return self.log.version if self.log is not None else 0

    async def news(self, seen: int) -> None:
        if self.log is not None:
            await self.log.news(seen)


class DeliveryService(Worker):
    """Ends when the run is over and everything is delivered."""

    def __init__(
        self, delivery: Delivery, open_sink: SinkFactory, ended: Callable[[], None]
    ) -> None:
        self._delivery = delivery
        self._open_sink = open_sink
        self._ended = ended
        self._pause = FIRST_PAUSE
        self._complaint = ""
        self._parted = trio.Event()  # from the receiver, for the first time

    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        while not await self._session():
            await trio.sleep(self._pause)
            self._pause = min(2 * self._pause, LAST_PAUSE)
            await trio.to_thread.run_sync(self._delivery.spool.trim)
        self._ended()

    async def stop(self) -> None:
        """What is left may still go out, where the receiver takes it; the rest waits for the next start."""
        if self._delivery.over and self._delivery.condition.connected_ns:
            with trio.move_on_after(LAST_LINES):
                await self._parted.wait()
        await super().stop()

    async def _session(self) -> bool:
        """One connection's life; True when there is no more to do."""
        condition = self._delivery.condition
        sink: Sink | None = None
        try:
            if await self._nothing_left():
                return True
            sink = await trio.to_thread.run_sync(self._open_sink, self._delivery.destination)
            condition.receiver = sink.receiver
            with trio.fail_after(CONNECT_LIMIT):
                await sink.connect()
            condition.connected_ns = time.time_ns()
            return await self._deliver(sink)
        except _FAILURES as error:
            self._failed(error)
            return False
        finally:
            condition.connected_ns = 0
            self._parted.set()
            if sink is not None:
                with contextlib.suppress(OSError):
                    sink.close()

    def _failed(self, error: BaseException) -> None:
        condition, subject = self._delivery.condition, self._delivery.destination.subject
        text = _told(error)
        if text != self._complaint:
            log.warning("container %s: its log's receiver: %s", subject.id[:12], text)
        self._complaint = text
        condition.error, condition.error_ns = text, time.time_ns()

    async def _nothing_left(self) -> bool:
        """Then whoever starts the next run finds the delivery idle, without an await in between."""
        delivery = self._delivery
        over = delivery.over
        if not over or await trio.to_thread.run_sync(delivery.spool.pending):
            return False
        delivery.spool.rest()
        delivery.idle = delivery.over
        return delivery.idle

    async def _deliver(self, sink: Sink) -> bool:
        delivery = self._delivery
        while True:
            # Asked before the read, so that it holds for what the read has seen.
            seen = delivery.version
            async with _reading():
                batch = await trio.to_thread.run_sync(delivery.spool.read)
            if batch is None:
                if delivery.over and await self._nothing_left():
                    return True
                await delivery.news(seen)
                continue
            messages = await _encoded(sink, batch)
            with trio.fail_after(SEND_LIMIT):
                await sink.send(messages)
            delivery.spool.commit(batch)
            self._pause, self._complaint = FIRST_PAUSE, ""


async def _encoded(sink: Sink, batch: Batch) -> list[bytes]:
    """On the loop, in short pieces: threads that work for long in Python make it wait for their
    turns at the interpreter, by more than the work takes."""
    messages: list[bytes] = []
    for start in range(0, len(batch.lines), PIECE):
        messages += sink.encode(batch.lines[start : start + PIECE])
        await trio.lowlevel.checkpoint()
    return messages


def _reading() -> trio.Lock:
    """One block is decoded at a time, of all deliveries."""
    try:
        return _locks.get()
    except LookupError:
        lock = trio.Lock()
        _locks.set(lock)
        return lock


def _told(error: BaseException) -> str:
    if isinstance(error, trio.TooSlowError):
        return "it does not answer"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
