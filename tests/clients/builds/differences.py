"""Where this engine answers otherwise than dockerd 20.10 on purpose, and why."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

Result = dict[str, Any]

CHANGES: dict[str, Callable[[list[Result]], None]] = {}
"""Case -> what its recorded results become here."""


def accepted(name: str, recorded: list[Result]) -> list[Result]:
    found = copy.deepcopy(recorded)
    if name in CHANGES:
        CHANGES[name](found)
    return found
