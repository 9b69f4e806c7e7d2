"""Makes and shortens the IDs of containers, networks and execs."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

SHORT = 12
_ID = re.compile(r"[0-9a-f]{64}")


def generate_id(token: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """32 random bytes in hex, whose short form is never a decimal number.

    The short form is the default host name, and some programs take a number for an address.
    """
    while True:
        identity = token(32).hex()
        if not short_id(identity).isdigit():
            return identity


def short_id(identity: str) -> str:
    """The first 12 characters, after the algorithm of a digest (`sha256:`)."""
    return identity.rpartition(":")[2][:SHORT]


def is_id(text: str) -> bool:
    """Whether the text is a full ID."""
    return _ID.fullmatch(text) is not None
