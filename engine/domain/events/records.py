"""An event as it is on disk and on the wire."""

from __future__ import annotations

import msgspec

from engine.domain.events.messages import NewEvent
from engine.models.events import Actor, EventMessage

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(EventMessage).decode


class Event(msgspec.Struct, frozen=True):
    """A committed event: its number, its time in unix nanoseconds, and its JSON body (one line, no newline)."""

    seq: int
    time_ns: int
    body: bytes
    gap: bool = False
    """It stands for events that are not there any more, and passes every filter."""

    def message(self) -> EventMessage:
        return decode(self.body)


def body_of(event: NewEvent) -> bytes:
    """The event's JSON as /events prints it; `status`, `id`, `from` only where dockerd has them."""
    legacy = event.type in ("container", "image")
    return encode(
        EventMessage(
            status=event.action if legacy else "",
            id=event.actor_id if legacy else "",
            from_=event.attributes.get("image", "") if event.type == "container" else "",
            type=event.type,
            action=event.action,
            actor=Actor(id=event.actor_id, attributes=event.attributes),
            scope=event.scope,
            time=event.time_ns // 1_000_000_000,
            time_nano=event.time_ns,
        )
    )


def gap(first: int, last: int) -> Event:
    """What a subscriber gets in place of events `first` to `last`, which retention has forgotten."""
    lost = NewEvent("daemon", "events-gap", "", {"from": str(first), "to": str(last)})
    return Event(last, lost.time_ns, body_of(lost), gap=True)
