"""The wire of GET /_trimaran/containers/{id}/timeline."""

from __future__ import annotations

import msgspec


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A transition: `action` as in the event of that number, `cause` why, `by` who asked (`uid 1000`).

    `logs` is where the last hundred lines before it are read, while the container is there.
    """

    seq: int
    time: str
    action: str
    cause: str
    by: str = ""
    attributes: dict[str, str] = {}
    logs: str = ""


class Timeline(msgspec.Struct, frozen=True):
    id: str
    name: str
    removed: bool
    entries: list[Entry]
