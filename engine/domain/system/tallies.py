"""What the engine counts of its own work, for the metrics: how often, and how long it took."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds in seconds, Prometheus's own defaults, which dockerd has."""
CONTAINER, NETWORK, HOST = "container_actions", "network_actions", "host_info_functions"
ACTIONS = {
    CONTAINER: ("changes", "commit", "create", "delete", "start"),
    NETWORK: ("allocate", "connect", "release"),
    HOST: ("system_info", "system_version"),
}


class Histogram:
    """`counts` has one place more than there are bounds, for what took longer."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds


class Tallies:
    """Passive, and cheap enough for any path: an addition each."""

    def __init__(self) -> None:
        self.times = {
            kind: {action: Histogram() for action in actions} for kind, actions in ACTIONS.items()
        }
        self.health_checks = 0
        self.health_checks_failed = 0

    @contextmanager
    def timing(self, kind: str, action: str) -> Iterator[None]:
        """What is refused or fails does not count, as in dockerd."""
        began = time.perf_counter()
        yield
        self.times[kind][action].add(time.perf_counter() - began)

    def checked(self, *, failed: bool) -> None:
        self.health_checks += 1
        self.health_checks_failed += failed
