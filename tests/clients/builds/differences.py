"""Where this engine answers otherwise than dockerd 20.10 on purpose, and why."""

from __future__ import annotations

import copy
from typing import Any

from tests.clients.builds.running import shown

Result = dict[str, Any]

TEXTS = {
    # Newer dockerds name the repository, as this engine does everywhere.
    "from-bad-reference": ("repository name must", "repository name (library/Busy) must"),
    "from-capital-reference": ("repository name must", "repository name (library/BusyBox) must"),
    # Newer dockerds write it so, as this engine does in `docker run`.
    "stopsignal-bad": ("Invalid signal", "invalid signal"),
}
"""Case -> (dockerd 20.10's words, this engine's)."""


def accepted(name: str, recorded: list[Result]) -> list[Result]:
    found = copy.deepcopy(recorded)
    for each in found:
        for stream in ("stdout", "stderr"):
            lines = shown(each[stream])
            if name in TEXTS:
                lines = [line.replace(*TEXTS[name]) for line in lines]
            each[stream] = lines
    return found
