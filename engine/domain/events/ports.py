"""What the events room needs from outside: the log on disk."""

from __future__ import annotations

from typing import Protocol

from engine.domain.events.records import Event


class EventLog(Protocol):
    """The durable log; reads block for a few milliseconds at most and run in a worker thread."""

    def read_events(self, after_seq: int, limit: int) -> list[Event]:
        """Up to `limit` events with a sequence number above `after_seq`, oldest first."""

    def first_seq_since(self, time_ns: int) -> int:
        """The sequence number before the first event at or after `time_ns` (head when there is none)."""

    def last_seq_before(self, time_ns: int) -> int:
        """The sequence number of the last event before `time_ns` (0 when there is none)."""

    def forgotten(self) -> int:
        """The sequence number of the newest event that retention has forgotten; does not block."""

    def history(self, text: str) -> list[Event]:
        """All that is kept, in the log or in containers' timelines, whose body has this text; oldest first."""

    def prune_timelines(self, *, newer_than_ns: int, most: int) -> int:
        """Forget timelines of containers that are no more and ended before; of the others all but `most`."""

    def prune_events(self, *, keep: int, newer_than_ns: int, max_bytes: int) -> int:
        """Forget the oldest events beyond any of the three limits (0: no limit); the number forgotten."""
