"""A container's timeline: every transition with its cause, from the event log; also after its removal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from engine.domain.containers import causes
from engine.domain.containers.cell import Cell
from engine.domain.events.facade import Event
from engine.domain.logs.timestamps import format_nano
from engine.errors import NotFound
from engine.models.events import EventMessage
from engine.models.timeline import Entry, Timeline

History = Callable[[str], Awaitable[Sequence[Event]]]

LINES = 100
ACTIONS = frozenset({
    "create", "start", "restart", "stop", "kill", "die", "oom", "pause", "unpause", "rename", "destroy",
})  # fmt: skip
HEALTH = "health_status"
SHORTEST = 4
"""Characters of an ID by which a removed container is found."""
_SHOWN = (
    "exitCode",
    "execDuration",
    "signal",
    "attempt",
    "delay",
    "oldName",
    "trimaran.reconciled",
)


class Timelines:
    """`find` gives the cell of a reference (NotFound), `history` the events whose JSON has a text."""

    def __init__(self, find: Callable[[str], Cell], history: History) -> None:
        self._find = find
        self._history = history

    async def of(self, reference: str) -> Timeline:
        """By ID, name or prefix; of removed containers the last that had the name. NotFound."""
        try:
            known = self._find(reference)
        except NotFound:
            return await self._of_removed(reference)
        found = await self._transitions(known.id)
        return _timeline(known.id, known.record.name, found, removed=False)

    async def _of_removed(self, reference: str) -> Timeline:
        name = reference.removeprefix("/")
        for _, message in reversed(await self._transitions(name)):
            container, attributes = message.actor.id, message.actor.attributes
            by_id = len(reference) >= SHORTEST and container.startswith(reference)
            if by_id or attributes.get("name") == name:
                found = await self._transitions(container)
                return _timeline(container, attributes.get("name", ""), found, removed=True)
        raise NotFound(f"No such container: {reference}")

    async def _transitions(self, text: str) -> list[tuple[Event, EventMessage]]:
        found = [(each, each.message()) for each in await self._history(text)]
        return [(event, message) for event, message in found if _is_transition(message)]


def _is_transition(message: EventMessage) -> bool:
    action = message.action
    return message.type == "container" and (action in ACTIONS or action.startswith(HEALTH))


def _timeline(
    container: str, name: str, found: Sequence[tuple[Event, EventMessage]], *, removed: bool
) -> Timeline:
    entries = [
        _entry(event, message, removed=removed)
        for event, message in found
        if message.actor.id == container
    ]
    return Timeline(container, name, removed, entries)


def _entry(event: Event, message: EventMessage, *, removed: bool) -> Entry:
    attributes = message.actor.attributes
    at = format_nano(event.time_ns)
    logs = ""
    if message.action == "die" and not removed:
        logs = f"/containers/{message.actor.id}/logs?stdout=1&stderr=1&tail={LINES}&until={at}"
    return Entry(
        seq=event.seq,
        time=at,
        action=message.action,
        cause=attributes.get("cause") or _cause(message.action),
        by=attributes.get("by", ""),
        attributes={name: attributes[name] for name in _SHOWN if name in attributes},
        logs=logs,
    )


def _cause(action: str) -> str:
    """Of what only one thing brings about."""
    if action == "oom":
        return causes.OOM
    return "health-check" if action.startswith(HEALTH) else causes.API
