"""The journal and the store in memory: records, intents and events as the batches make them true."""

from __future__ import annotations

from dataclasses import dataclass, field

import trio

from engine.domain.events.facade import Batch, Document, Intent, NewEvent
from engine.errors import Unavailable


@dataclass
class FakeJournal:
    """`away` refuses every commit, `refused` those with an event of that action. Also what a room loads its records from at the next start."""

    documents: dict[tuple[str, str], Document] = field(default_factory=dict)
    open: dict[tuple[str, str], Intent] = field(default_factory=dict)
    events: list[NewEvent] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    quarantined: dict[tuple[str, str], str] = field(default_factory=dict)
    away: bool = False
    refused: str = ""

    async def commit(self, batch: Batch) -> int:
        await trio.lowlevel.checkpoint()
        if self.away or (self.refused and self.refused in [each.action for each in batch.events]):
            raise Unavailable("the state database does not answer")
        self.batches.append(batch)
        for document in batch.puts:
            self.documents[document.kind, document.id] = document
        for key in batch.deletes:
            self.documents.pop(key, None)
        for intent in batch.opens:
            self.open[intent.kind, intent.subject] = intent
        for key in batch.closes:
            self.open.pop(key, None)
        known = {each.key for each in self.events}
        self.events += [each for each in batch.events if each.key not in known]
        return len(self.events) if batch.events else 0

    async def emit(self, type: str, action: str, actor_id: str, attributes: dict[str, str]) -> None:
        await self.commit(Batch(events=[NewEvent(type, action, actor_id, attributes)]))

    # the store's side

    def load(self, kind: str) -> list[Document]:
        return [each for key, each in self.documents.items() if key[0] == kind]

    def intents(self, kind: str | None = None) -> list[Intent]:
        return [each for each in self.open.values() if kind in (None, each.kind)]

    def quarantine(self, kind: str, id_: str, reason: str, body: bytes) -> None:
        self.quarantined[kind, id_] = reason
        self.documents.pop((kind, id_), None)

    def damaged(self, kind: str) -> frozenset[str]:
        return frozenset(id_ for each, id_ in self.quarantined if each == kind)

    # for the tests

    @property
    def told(self) -> list[str]:
        """The events' types and actions, oldest first: `container start`."""
        return [f"{each.type} {each.action}" for each in self.events]

    def actions(self, type: str = "container") -> list[str]:
        return [each.action for each in self.events if each.type == type]

    def event(self, action: str) -> NewEvent:
        """The newest one with this action."""
        return next(each for each in reversed(self.events) if each.action == action)
