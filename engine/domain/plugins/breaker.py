"""When a plugin that failed is left alone, and when it is tried again. Pure, and without a clock.

One failure opens it: whoever names the plugin is then refused at once with the reason, instead of
waiting out the same deadline. The service tries the plugin in the background, and closes it.
"""

from __future__ import annotations

import msgspec

FIRST, LAST = 1.0, 5.0
"""Seconds between two tries; doubled each time."""


class Breaker(msgspec.Struct):
    """Times in seconds of any one clock. `failures` in a row; `opened` is 0 while closed."""

    reason: str = ""
    failures: int = 0
    opened: float = 0.0
    next_try: float = 0.0

    @property
    def open(self) -> bool:
        return bool(self.failures)

    def failed(self, reason: str, now: float) -> None:
        if not self.failures:
            self.opened = now
        self.next_try = now + min(FIRST * 2**self.failures, LAST)
        self.failures = min(self.failures + 1, 30)
        self.reason = reason

    def worked(self) -> None:
        self.reason, self.failures, self.opened, self.next_try = "", 0, 0.0, 0.0

    def due(self, now: float) -> bool:
        return self.open and now >= self.next_try
