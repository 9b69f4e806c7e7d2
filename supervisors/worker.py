"""Two services to inherit from: one that is cut off when asked to stop, one that reads mail."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

import trio

from supervisors.mailbox import Inbox, Mailbox

M = TypeVar("M")


class Worker(ABC):
    """A service that may be cut off at any await: `stop()` cancels `work()`."""

    _scope: trio.CancelScope | None = None

    @abstractmethod
    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        """Do it; say `task_status.started()` when ready."""

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        # Made here, not in __init__, so that subclasses need not call it.
        with trio.CancelScope() as self._scope:
            await self.work(task_status)

    async def stop(self) -> None:
        if self._scope is not None:
            self._scope.cancel()


class MailWorker(ABC, Generic[M]):
    """A service that answers its mail, one letter after the other; `stop()` finishes the letter."""

    _inbox: Inbox[M] | None = None

    def __init__(self, mailbox: Mailbox[M]) -> None:
        self.mailbox = mailbox

    @abstractmethod
    async def handle(self, message: M) -> object:
        """Return the answer, raise a Refusal to refuse; anything else is a crash."""

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        with self.mailbox.open() as self._inbox:
            task_status.started()
            async for letter in self._inbox:
                with letter.handling():
                    letter.reply(await self.handle(letter.message))

    async def stop(self) -> None:
        if self._inbox is not None:
            self._inbox.close()
