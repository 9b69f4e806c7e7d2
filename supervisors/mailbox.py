"""Typed bounded mailboxes: the address of a service, which outlives its incarnations."""

from __future__ import annotations

import math
import time
from collections import OrderedDict, deque
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast

import trio

from supervisors.errors import MailboxFull, ServiceCrashed, ServiceStopped
from supervisors.letter import Letter, Request
from supervisors.status import MailboxStats

M = TypeVar("M")
R = TypeVar("R")


class Mailbox(Generic[M]):
    """A queue of at most `capacity` messages, read by one incarnation of a service at a time."""

    def __init__(self, name: str, capacity: int = 256) -> None:
        self.name = name
        self.capacity = capacity
        self.peak = 0
        self.dropped = 0
        self.last_success: float | None = None
        self._neglected = math.inf
        self._queue: deque[Letter[M]] = deque()
        # Senders that wait for room, first come first served.
        self._waiting: OrderedDict[Letter[M], trio.lowlevel.Task] = OrderedDict()
        self._arrivals = trio.lowlevel.ParkingLot()
        self._reader: Inbox[M] | None = None
        self._refusing: str | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<Mailbox {self.name} {self.depth}/{self.capacity}>"

    @property
    def depth(self) -> int:
        return len(self._queue)

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def neglected(self) -> float:
        """Seconds since mail was last taken, or the first arrived, while some waits; 0 when none does."""
        return max(0.0, trio.current_time() - self._neglected) if self._queue else 0.0

    def stats(self) -> MailboxStats:
        return MailboxStats(
            name=self.name,
            depth=self.depth,
            capacity=self.capacity,
            peak=self.peak,
            dropped=self.dropped,
            last_success=self.last_success,
        )

    def _answered(self) -> None:
        self.last_success = time.time()

    async def ask(self, message: Request[R], *, accept_timeout: float = 10.0) -> R:
        """Send a request and wait for its answer, without limit once there is room.

        Cancelling withdraws a request that waits in the queue; one that was taken runs on.
        Raises what the service refuses with, MailboxFull, ServiceCrashed, ServiceStopped.
        """
        letter = Letter(cast("M", message), self.name, asked=True)
        if not self._deliver(letter):
            await self._wait_for_room(letter, accept_timeout)
        return cast("R", await letter.answer(self._withdraw))

    async def tell(self, message: M, *, accept_timeout: float = 10.0) -> None:
        """Send a message that wants no answer. Raises MailboxFull, ServiceStopped."""
        await trio.lowlevel.checkpoint_if_cancelled()
        letter = Letter(message, self.name, asked=False)
        if self._deliver(letter):
            await trio.lowlevel.cancel_shielded_checkpoint()
        else:
            await self._wait_for_room(letter, accept_timeout)
            letter.raise_failure()

    def offer(self, message: M) -> bool:
        """Send without waiting. False, and counted as dropped, when nobody can take it."""
        if self._refusing is None and self._deliver(Letter(message, self.name, asked=False)):
            return True
        self.dropped += 1
        return False

    def open(self) -> Inbox[M]:
        """The reader of one incarnation: `with mailbox.open() as inbox`."""
        return Inbox(self)

    def suspend(self, reason: str) -> None:
        """Refuse all mail, the queued too, until a reader opens: nobody is coming to answer."""
        if self._reader is None and not self._closed:
            self._refuse(reason)

    def close(self, reason: str = "it has stopped") -> None:
        """Refuse all mail for good. What a reader has taken may still be answered."""
        self._closed = True
        self._refuse(reason)
        self._arrivals.unpark_all()

    def _refuse(self, reason: str) -> None:
        self._refusing = reason
        for letter in self._queue:
            letter.fail(ServiceStopped(self.name, reason))
        self._queue.clear()
        for letter, task in self._waiting.items():
            letter.fail(ServiceStopped(self.name, reason))
            trio.lowlevel.reschedule(task)
        self._waiting.clear()

    def _deliver(self, letter: Letter[M]) -> bool:
        if self._refusing is not None:
            raise ServiceStopped(self.name, self._refusing)
        if len(self._queue) >= self.capacity:
            return False
        self._enqueue(letter)
        return True

    def _enqueue(self, letter: Letter[M]) -> None:
        if not self._queue:
            self._neglected = trio.current_time()
        self._queue.append(letter)
        self.peak = max(self.peak, len(self._queue))
        self._arrivals.unpark()

    async def _wait_for_room(self, letter: Letter[M], timeout: float) -> None:
        def leave(_: object) -> trio.lowlevel.Abort:
            del self._waiting[letter]
            return trio.lowlevel.Abort.SUCCEEDED

        with trio.move_on_after(timeout):
            self._waiting[letter] = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(leave)
            return
        raise MailboxFull(self.name)

    def _take(self) -> Letter[M] | None:
        if not self._queue:
            return None
        letter = self._queue.popleft()
        self._neglected = trio.current_time()
        self._admit()
        return letter

    def _withdraw(self, letter: Letter[M]) -> None:
        if letter in self._queue:
            self._queue.remove(letter)
            self._admit()

    def _admit(self) -> None:
        # A slot is handed to who waits longest; a newcomer can't steal it in between, since
        # the queue is full again before anyone else runs.
        if self._waiting:
            letter, task = self._waiting.popitem(last=False)
            self._enqueue(letter)
            trio.lowlevel.reschedule(task)


class Inbox(Generic[M]):
    """One incarnation's end of a mailbox: `async for letter in inbox`."""

    def __init__(self, mailbox: Mailbox[M]) -> None:
        self._mailbox = mailbox
        self._closed = False
        self._open_letters: set[Letter[M]] = set()

    def __enter__(self) -> Self:
        mailbox = self._mailbox
        if mailbox._closed:
            raise ServiceStopped(mailbox.name, mailbox._refusing or "its mailbox is closed")
        if mailbox._reader is not None:
            raise RuntimeError(f"mailbox {mailbox.name} has a reader already")
        mailbox._reader = self
        mailbox._refusing = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()
        self._mailbox._reader = None
        for letter in tuple(self._open_letters):
            letter.fail(ServiceCrashed(self._mailbox.name, error))

    def close(self) -> None:
        """End the iteration after the letters taken; the queue stays for the next incarnation."""
        self._closed = True
        self._mailbox._arrivals.unpark_all()

    def take_nowait(self) -> Letter[M] | None:
        """The next queued letter, or None: for a service that works its mail off in groups."""
        letter = None if self._closed else self._mailbox._take()
        if letter is None:
            return None
        return letter.registered(self._open_letters, self._mailbox._answered)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Letter[M]:
        mailbox = self._mailbox
        if mailbox._queue:
            # A full queue must not make its reader hog the loop.
            await trio.lowlevel.checkpoint()
        while not (self._closed or mailbox._closed):
            letter = mailbox._take()
            if letter is not None:
                return letter.registered(self._open_letters, mailbox._answered)
            await mailbox._arrivals.park()
        raise StopAsyncIteration


AnyMailbox = Mailbox[Any]
