"""The wire of GET /events: one message a line."""

from __future__ import annotations

from msgspec import field

from engine.models.wire import Wire, mapping, nested, number, text


class Actor(Wire, frozen=True):
    id: str = text("ID")
    attributes: dict[str, str] = mapping()


class EventMessage(Wire, frozen=True):
    """`status`, `id` and `from_` are for clients of old; only containers and images have them."""

    status: str = field(default="", name="status")
    id: str = field(default="", name="id")
    from_: str = field(default="", name="from")
    type: str = text()
    action: str = text()
    actor: Actor = nested(Actor)
    scope: str = field(default="", name="scope")
    time: int = number("time")
    time_nano: int = number("timeNano")
