"""The log of events in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.domain.events.messages import NewEvent
from engine.domain.events.records import Event, body_of


def numbered(seq: int, *, time_ns: int = 0, **changes: object) -> Event:
    """An event with a number, at its own nanosecond unless told otherwise."""
    parts: dict[str, object] = {
        "type": "container",
        "action": "start",
        "actor_id": f"id{seq}",
        "attributes": {"name": f"c{seq}"},
        "time_ns": time_ns or seq,
    }
    event = NewEvent(**{**parts, **changes})  # type: ignore[arg-type]
    return Event(seq, event.time_ns, body_of(event))


@dataclass
class FakeEventLog:
    events: list[Event] = field(default_factory=list)
    reads: int = 0
    pruned: list[tuple[int, int, int]] = field(default_factory=list)
    timelines: list[tuple[int, int]] = field(default_factory=list)
    oldest: int = 0
    """The newest that is forgotten."""

    def read_events(self, after_seq: int, limit: int) -> list[Event]:
        self.reads += 1
        return [each for each in self.events if each.seq > after_seq][:limit]

    def first_seq_since(self, time_ns: int) -> int:
        found = [each.seq for each in self.events if each.time_ns >= time_ns]
        head = self.events[-1].seq if self.events else 0
        return min(found) - 1 if found else head

    def last_seq_before(self, time_ns: int) -> int:
        return max((each.seq for each in self.events if each.time_ns < time_ns), default=0)

    def forgotten(self) -> int:
        return self.oldest

    def history(self, text: str) -> list[Event]:
        return [each for each in self.events if text.encode() in each.body]

    def prune_timelines(self, *, newer_than_ns: int, most: int) -> int:
        self.timelines.append((newer_than_ns, most))
        return 0

    def prune_events(self, *, keep: int, newer_than_ns: int, max_bytes: int) -> int:
        self.pruned.append((keep, newer_than_ns, max_bytes))
        return 0
