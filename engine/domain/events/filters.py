"""Which events a subscriber wants: dockerd's filter names and their rules, as pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.domain.events.records import Event
from engine.errors import InvalidParameter
from engine.models.events import EventMessage

NAMES = frozenset(
    [
        "config",
        "container",
        "daemon",
        "event",
        "image",
        "label",
        "network",
        "node",
        "plugin",
        "scope",
        "secret",
        "service",
        "type",
        "volume",
    ]
)
PREFIX_ACTIONS = ("health_status", "exec_create", "exec_start")


class EventFilter:
    """The parsed `filters` of /events. Values of one name are alternatives, names all must hold."""

    def __init__(self, filters: Mapping[str, Sequence[str]] | None = None) -> None:
        """InvalidParameter `invalid filter 'x'` for a name that dockerd does not know."""
        self._filters = {name: list(values) for name, values in (filters or {}).items() if values}
        for name in self._filters:
            if name not in NAMES:
                raise InvalidParameter(f"invalid filter '{name}'")
        self.key = tuple(sorted((name, tuple(values)) for name, values in self._filters.items()))
        """The same for those that choose the same."""

    def matches(self, event: Event) -> bool:
        if not self._filters or event.gap:
            return True
        message = event.message()
        return all(_holds(name, values, message) for name, values in self._filters.items())


def _holds(name: str, values: Sequence[str], message: EventMessage) -> bool:
    match name:
        case "event":
            return any(_action(value, message.action) for value in values)
        case "type":
            return message.type in values
        case "scope":
            return message.scope in values
        case "label":
            return all(_label(value, message.actor.attributes) for value in values)
        case "image":
            return _image(values, message)
        case _:
            return message.type == name and _actor(values, message)


def _action(wanted: str, action: str) -> bool:
    if wanted == action:
        return True
    return wanted in PREFIX_ACTIONS and action.partition(":")[0].strip() == wanted


def _actor(values: Sequence[str], message: EventMessage) -> bool:
    name = message.actor.attributes.get("name", "")
    return any(
        value in (name, message.actor.id) or message.actor.id.startswith(value) for value in values
    )


def _image(values: Sequence[str], message: EventMessage) -> bool:
    attributes = message.actor.attributes
    names = {
        message.actor.id if message.type == "image" else "",
        attributes.get("image", ""),
        attributes.get("name", "") if message.type == "image" else "",
    }
    names |= {name.rpartition(":")[0] for name in names if ":" in name.rpartition("/")[2]}
    return any(value in names for value in values if value)


def _label(wanted: str, attributes: Mapping[str, str]) -> bool:
    key, has_value, value = wanted.partition("=")
    return key in attributes and (not has_value or attributes[key] == value)
