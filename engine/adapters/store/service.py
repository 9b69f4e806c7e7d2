"""The store as a service: it gathers waiting commits into groups, one transaction and one fsync each."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

import trio

from engine.adapters.store.database import Database
from engine.domain.events.messages import Commit
from engine.domain.events.records import Event
from engine.errors import Unavailable
from supervisors import Inbox, Letter, Mailbox, Worker

GROUP = 64


class StoreService(Worker):
    """Owns writing. A commit that was interrupted is safe to repeat: puts and events are idempotent."""

    def __init__(
        self,
        database: Database,
        mailbox: Mailbox[Commit],
        told: Callable[[Sequence[Event]], None],
        resume: Callable[[int], None],
    ) -> None:
        self._database = database
        self._mailbox = mailbox
        self._told = told
        self._resume = resume

    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        self._resume(await trio.to_thread.run_sync(self._database.head))
        with self._mailbox.open() as inbox:
            task_status.started()
            async for letter in inbox:
                await self._commit([letter, *self._waiting(inbox)])

    def _waiting(self, inbox: Inbox[Commit]) -> list[Letter[Commit]]:
        letters: list[Letter[Commit]] = []
        while len(letters) < GROUP and (letter := inbox.take_nowait()) is not None:
            letters.append(letter)
        return letters

    async def _commit(self, letters: list[Letter[Commit]]) -> None:
        batches = [letter.message.batch for letter in letters]
        try:
            committed = await trio.to_thread.run_sync(self._database.commit, batches)
        except sqlite3.OperationalError as error:  # a full or failing disk is an outage, not a bug
            for letter in letters:
                letter.fail(Unavailable(f"the state database cannot be written: {error}"))
            return
        for events in committed:
            self._told(events)
        for letter, events in zip(letters, committed, strict=True):
            letter.reply(events[-1].seq if events else 0)
