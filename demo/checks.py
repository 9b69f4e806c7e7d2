"""What a step demands, and how it says that it did not get it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.02


class CheckFailed(Exception):
    """A step did not get what it expected."""

    def __init__(self, what: str, expected: object, got: object) -> None:
        super().__init__(f"{what}: expected {expected!r}, got {got!r}")
        self.what = what
        self.expected = expected
        self.got = got


def check(what: str, expected: object, got: object) -> None:
    """CheckFailed unless both are equal."""
    if expected != got:
        raise CheckFailed(what, expected, got)


def require(what: str, expected: str, holds: bool, got: object) -> None:
    """CheckFailed unless a condition holds that is told in words."""
    if not holds:
        raise CheckFailed(what, expected, got)


def eventually(
    what: str, expected: str, look: Callable[[], T], good: Callable[[T], bool], limit: float = 5.0
) -> T:
    """Look until it is good, and return what was seen; CheckFailed after `limit` seconds."""
    deadline = time.monotonic() + limit
    while True:
        seen = look()
        if good(seen):
            return seen
        if time.monotonic() > deadline:
            raise CheckFailed(what, expected, seen)
        time.sleep(POLL_SECONDS)
