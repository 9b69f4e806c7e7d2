"""How the wire's Structs are declared, and how a request's JSON is read as Go reads it.

Go's `omitempty` is a plain default here (msgspec leaves it out), while a field that Go always
writes has one of the factories below: msgspec's `omit_defaults` does not look behind a factory.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import field


class Wire(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, rename="pascal"):
    """A JSON object of the Engine API; unknown members are ignored."""


def _empty_list() -> list[Any]:
    return []


def _empty_dict() -> dict[str, Any]:
    return {}


def text(name: str | None = None) -> Any:
    """A string that is written even when it is empty."""
    return field(default_factory=str, name=name)


def number(name: str | None = None) -> Any:
    """A number that is written even when it is 0."""
    return field(default_factory=int, name=name)


def flag(name: str | None = None) -> Any:
    """A boolean that is written even when it is false."""
    return field(default_factory=bool, name=name)


def null(name: str | None = None) -> Any:
    """A pointer, slice or map of Go's that is written as null while it is nil."""
    return field(default_factory=type(None), name=name)


def items(name: str | None = None) -> Any:
    """A list that is written as [] when it is empty."""
    return field(default_factory=_empty_list, name=name)


def mapping(name: str | None = None) -> Any:
    """An object that is written as {} when it is empty."""
    return field(default_factory=_empty_dict, name=name)


def nested(kind: type[Wire], name: str | None = None) -> Any:
    """A struct that is written in full even when all of it is zero."""
    return field(default_factory=kind, name=name)


def console_size() -> Any:
    """[height, width], written as [0,0] while it is unknown."""
    return field(default_factory=lambda: (0, 0), name="ConsoleSize")
