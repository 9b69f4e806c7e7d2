"""The rules of a container's name."""

from __future__ import annotations

import re

from engine.errors import InvalidParameter

_NAME = re.compile(r"/?[a-zA-Z0-9][a-zA-Z0-9_.-]+")


def container_name(text: str) -> str:
    """The name without its slash. InvalidParameter with dockerd's text (row 5)."""
    if not _NAME.fullmatch(text):
        raise InvalidParameter(
            f"Invalid container name ({text}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
        )
    return text.removeprefix("/")
