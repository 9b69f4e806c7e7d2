"""What an operator sees of the tree: immutable nodes, JSON-ready."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["starting", "running", "stopping", "restarting", "stopped", "quarantined", "failed"]
Json = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxStats:
    """How full a mailbox is and was. `dropped` counts the offers that found no room; `last_success` is when
    a letter was last answered, refusals apart, in unix seconds."""

    name: str
    depth: int
    capacity: int
    peak: int
    dropped: int
    last_success: float | None = None

    def to_dict(self) -> Json:
        return {
            "depth": self.depth,
            "capacity": self.capacity,
            "peak": self.peak,
            "dropped": self.dropped,
            "last_success": self.last_success,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One service, or one supervisor with its children. `since` is in unix seconds."""

    name: str
    state: State
    since: float
    restarts: int = 0
    last_error: str | None = None
    mailboxes: tuple[MailboxStats, ...] = ()
    children: tuple[Node, ...] = ()

    def to_dict(self) -> Json:
        """`mailbox` is the first one, for who expects one; `mailboxes` are all, with names."""
        return {
            "name": self.name,
            "state": self.state,
            "since": self.since,
            "restarts": self.restarts,
            "last_error": self.last_error,
            "mailbox": self.mailboxes[0].to_dict() if self.mailboxes else None,
            "mailboxes": [{"name": stats.name, **stats.to_dict()} for stats in self.mailboxes],
            "children": [child.to_dict() for child in self.children],
        }
