"""The plugins that are there: found by name or ID, entered, replaced and crossed out."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable

import trio

from engine.domain.events.facade import NewEvent
from engine.domain.images.facade import Report
from engine.domain.managed.ports import Machine, Store
from engine.domain.managed.records import PluginRecord, familiar_name
from engine.domain.managed.service import Do, Household
from engine.errors import Conflict, EngineError, NotFound, SystemFailure
from supervisors import Mailbox

CLEAN_UP = 10.0


class Book:
    """Reads answer from memory; `do` and `change` run their work in the service."""

    def __init__(
        self, household: Household, mailbox: Mailbox[Do], machine: Machine, store: Store
    ) -> None:
        self.household = household
        self.machine = machine
        self._mailbox = mailbox
        self._store = store

    def find(self, name: str) -> PluginRecord:
        """By name, ID or the beginning of one; NotFound."""
        if (found := self.named(name)) is not None:
            return found
        records = self.household.records.values()
        matching = [each for each in records if name and each.id.startswith(name)]
        if len(matching) > 1:
            raise SystemFailure(f'multiple plugins found for "{name}"')
        if not matching:
            raise NotFound(f'plugin "{name}" not found')
        return matching[0]

    def named(self, name: str) -> PluginRecord | None:
        try:
            wanted = familiar_name(name)
        except EngineError:
            return None
        return next((e for e in self.household.records.values() if e.name == wanted), None)

    def check_free(self, name: str) -> None:
        if self.named(name) is not None:
            raise Conflict(f"plugin {name} already exists")

    async def keep(self, record: PluginRecord, said: NewEvent | None) -> None:
        await self._store.put(record, said)
        self.household.records[record.id] = record
        self.household.changed()

    async def install(self, record: PluginRecord, said: NewEvent, report: Report) -> None:
        """A new plugin, or a new generation of one, whose package is in the content store and claimed.

        If it fails, what was made is taken away again; else what the generation before had.
        """
        before = self.household.records.get(record.id)
        try:
            await self.machine.install(record, report)
            await self.keep(record, said)
        except BaseException:
            if self.household.records.get(record.id) is not record:
                await self._discard(record, claimed=True)
            raise
        if before is not None:
            await self._discard(before)

    async def _discard(self, record: PluginRecord, *, claimed: bool = False) -> None:
        with trio.move_on_after(CLEAN_UP, shield=True), contextlib.suppress(EngineError):
            async with self.household.blobs:
                needed = self.household.needed()
                if claimed:
                    needed.remove(record.package)
                await self.machine.discard(record, needed)

    async def remove(self, record: PluginRecord) -> None:
        """What an installed plugin has; it is crossed out."""
        async with self.household.blobs:
            await self.machine.remove(record, self.household.needed())

    async def cross_out(self, record: PluginRecord, said: NewEvent) -> None:
        del self.household.records[record.id]
        self.household.changed()
        try:
            await self._store.drop(record, said)
        except BaseException:
            self.household.records[record.id] = record
            raise

    async def change(self, name: str, work: Callable[[PluginRecord], Awaitable[None]]) -> None:
        plugin_id = self.find(name).id
        await self.do(plugin_id, lambda: work(self.find(plugin_id)))

    async def do(self, key: str, work: Callable[[], Awaitable[None]]) -> None:
        await self._mailbox.ask(Do(key, work))


def event(action: str, record: PluginRecord, actor: str = "") -> NewEvent:
    return NewEvent("plugin", action, actor or record.id, {"name": record.name})
