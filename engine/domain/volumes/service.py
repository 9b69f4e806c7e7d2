"""The volumes service: every change to what volumes there are goes through its mailbox.

Each letter is handled in a task of its own; changes to one volume take turns, others don't wait.
"""

from __future__ import annotations

from collections.abc import Awaitable

import trio

from engine.domain.volumes.book import Book
from engine.domain.volumes.lifecycle import Lifecycle
from engine.domain.volumes.messages import (
    Create,
    Fill,
    Message,
    MountAll,
    Provide,
    Prune,
    Release,
    Remove,
    Restore,
    UnmountAll,
)
from engine.domain.volumes.mounting import Mounting
from engine.domain.volumes.ports import Disk, Store
from engine.domain.volumes.remote import Remote
from engine.domain.volumes.startup import Startup
from engine.errors import Unavailable
from supervisors import Inbox, Letter, Mailbox


class VolumesService:
    """One incarnation. The book belongs to the room and outlives it."""

    def __init__(
        self, book: Book, mailbox: Mailbox[Message], disk: Disk, store: Store, remote: Remote
    ) -> None:
        self._book = book
        self._mailbox = mailbox
        self._inbox: Inbox[Message] | None = None
        self._store = store
        self._remote = remote
        self._lifecycle = Lifecycle(book, disk, store, remote)
        self._mounting = Mounting(book, disk, store, remote)
        self._startup = Startup(book, disk, store, self._lifecycle, remote)

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        with self._mailbox.open() as self._inbox:
            await self._startup.set_up()
            async with trio.open_nursery() as background:
                background.start_soon(self._remote.settle, self._store)
                async with trio.open_nursery() as handlers:
                    task_status.started()
                    async for letter in self._inbox:
                        handlers.start_soon(self._handle, letter)
                background.cancel_scope.cancel()

    async def stop(self) -> None:
        """Take no more mail; what was taken is finished."""
        if self._inbox is not None:
            self._inbox.close()

    async def _handle(self, letter: Letter[Message]) -> None:
        with letter.handling():
            letter.reply(await self._answer(letter.message))

    def _answer(self, message: Message) -> Awaitable[object]:
        if not self._book.restored and not isinstance(message, Restore):
            # Without the containers' references, anything could be removed.
            raise Unavailable("the volumes are still being restored")
        match message:
            case Create(wish):
                return self._lifecycle.create(wish)
            case Provide(container_id, wishes):
                return self._lifecycle.provide(container_id, wishes)
            case Release(container_id, discard):
                return self._release(container_id, discard)
            case Remove(name, force):
                return self._lifecycle.remove(name, force=force)
            case Prune(filters):
                return self._lifecycle.prune(filters)
            case Fill():
                return self._mounting.fill(message)
            case MountAll(container_id, names):
                return self._mounting.mount_all(container_id, names)
            case UnmountAll(container_id):
                return self._mounting.unmount_all(container_id)
            case Restore(uses):
                return self._startup.restore(uses)

    async def _release(self, container_id: str, discard: tuple[str, ...]) -> None:
        await self._mounting.unmount_all(container_id)
        await self._lifecycle.release(container_id, discard)
