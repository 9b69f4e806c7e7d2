"""How often is too often: a sliding window of restarts."""

from __future__ import annotations

from collections import deque


class Intensity:
    """At most `limit` restarts within `period` seconds."""

    __slots__ = ("_times", "limit", "period")

    def __init__(self, limit: int, period: float) -> None:
        self.limit = limit
        self.period = period
        self._times: deque[float] = deque()

    def allows(self, now: float) -> bool:
        """Count one restart at `now`. False when it is one too many."""
        self._times.append(now)
        while self._times[0] <= now - self.period:
            self._times.popleft()
        return len(self._times) <= self.limit

    def fresh(self) -> Intensity:
        """The same allowance, unused."""
        return Intensity(self.limit, self.period)

    def reset(self) -> None:
        self._times.clear()
