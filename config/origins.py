"""Says where a setting's value came from."""

from __future__ import annotations

import enum
from collections.abc import Mapping


class Origin(enum.Enum):
    """The source of a value."""

    DEFAULT = "default"
    FILE = "file"
    FLAG = "flag"


Origins = Mapping[str, Origin]
"""daemon.json key (nested ones dotted as well as whole) -> origin; a flag outweighs the file."""
