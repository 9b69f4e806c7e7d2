"""What a container may be called, and the texts for when it may not."""

from __future__ import annotations

import re

from engine.errors import Conflict, InvalidParameter

ALLOWED = "[a-zA-Z0-9][a-zA-Z0-9_.-]"
_NAME = re.compile(rf"/?{ALLOWED}+")


def check_name(name: str) -> str:
    """The name as it is stored, with its leading slash."""
    if not _NAME.fullmatch(name):
        raise InvalidParameter(f"Invalid container name ({name}), only {ALLOWED} are allowed")
    return stored(name)


def stored(name: str) -> str:
    """The name with exactly one leading slash, where it has none."""
    return name if name.startswith("/") else f"/{name}"


def in_use(name: str, owner: str) -> Conflict:
    """The refusal of a name that another container has; clients match its text."""
    return Conflict(
        f'Conflict. The container name "{stored(name)}" is already in use by container "{owner}". '
        "You have to remove (or rename) that container to be able to reuse that name."
    )
