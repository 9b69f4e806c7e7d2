"""The store as a service: it gathers waiting commits into groups, one transaction and one fsync each."""

from __future__ import annotations

import logging
import math
import sqlite3
from collections.abc import Callable, Sequence

import trio

from engine.adapters.store.copy import Copy
from engine.adapters.store.database import Database, is_damage
from engine.adapters.store.opening import Repair, mark_suspect
from engine.domain.events.messages import Batch, Commit, NewEvent
from engine.domain.events.records import Event
from engine.errors import Unavailable
from supervisors import Inbox, Letter, Mailbox, Worker

log = logging.getLogger(__name__)

GROUP = 64
COPY_AFTER = 0.05
"""Seconds without a commit after which the copy is written: nobody's next commit waits for it."""
MOST_UNCOPIED = 256
"""Batches: who commits without a pause waits for the copy after so many."""


class StoreService(Worker):
    """Owns writing. A commit that was interrupted is safe to repeat: puts and events are idempotent."""

    def __init__(
        self,
        database: Database,
        mailbox: Mailbox[Commit],
        told: Callable[[Sequence[Event]], None],
        resume: Callable[[int], None],
        *,
        copy: Copy | None = None,
        repairs: list[Repair] | None = None,
    ) -> None:
        """`repairs` are told as events, once: those told are taken out."""
        self._database = database
        self._mailbox = mailbox
        self._told = told
        self._resume = resume
        self._copy = copy
        self._repairs = [] if repairs is None else repairs
        self._uncopied: list[Batch] = []

    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        self._resume(await trio.to_thread.run_sync(self._database.head))
        with self._mailbox.open() as inbox:
            task_status.started()
            await self._tell_repairs()
            if self._copy is not None:
                await trio.to_thread.run_sync(self._catch_up, self._copy)
            try:
                while (letters := await self._next(inbox)) is not None:
                    if letters:
                        await self._commit(letters)
                    if not letters or len(self._uncopied) >= MOST_UNCOPIED:
                        await self._write_copy()
            finally:
                with trio.CancelScope(shield=True):
                    await self._write_copy()

    async def _next(self, inbox: Inbox[Commit]) -> list[Letter[Commit]] | None:
        """What waits to be committed; empty when it is time for the copy, None at the end."""
        with trio.move_on_after(COPY_AFTER if self._uncopied else math.inf):
            async for letter in inbox:
                return [letter, *self._waiting(inbox)]
            return None
        return []

    def _waiting(self, inbox: Inbox[Commit]) -> list[Letter[Commit]]:
        letters: list[Letter[Commit]] = []
        while len(letters) < GROUP and (letter := inbox.take_nowait()) is not None:
            letters.append(letter)
        return letters

    async def _commit(self, letters: list[Letter[Commit]]) -> None:
        batches = [letter.message.batch for letter in letters]
        try:
            committed = await trio.to_thread.run_sync(self._database.commit, batches)
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                await trio.to_thread.run_sync(mark_suspect, self._database.path.parent)
                raise  # the next start of the daemon checks, and rebuilds
            if not isinstance(error, sqlite3.OperationalError):
                raise
            # a full or failing disk is an outage, not a bug
            for letter in letters:
                letter.fail(Unavailable(f"the state database cannot be written: {error}"))
            return
        for events in committed:
            self._told(events)
        for letter, events in zip(letters, committed, strict=True):
            letter.reply(events[-1].seq if events else 0)
        if self._copy is not None:
            self._uncopied += batches

    async def _write_copy(self) -> None:
        batches, self._uncopied = self._uncopied, []
        if self._copy is not None and batches:
            await trio.to_thread.run_sync(self._copy.follow, batches, self._database)

    def _catch_up(self, copy: Copy) -> None:
        try:
            copy.catch_up(self._database)
        except sqlite3.Error as error:
            log.warning("the copy of the state cannot be brought up to date: %s", error)

    async def _tell_repairs(self) -> None:
        while self._repairs:
            repair = self._repairs[0]
            told = NewEvent("daemon", "repair", "", repair.attributes())
            try:
                (events,) = await trio.to_thread.run_sync(
                    self._database.commit, [Batch(events=[told])]
                )
            except sqlite3.OperationalError as error:
                log.warning("the repair of %s cannot be told: %s", repair.what, error)
                return
            del self._repairs[0]
            self._told(events)
