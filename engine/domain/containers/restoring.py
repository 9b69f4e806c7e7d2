"""How far the daemon's start is with the containers that outlived it, for who waits for one of them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import msgspec

SLOWEST = 5


class Slow(msgspec.Struct, frozen=True):
    """One container: the seconds that looking at it took, or has taken so far."""

    id: str
    name: str
    seconds: float
    done: bool


class Progress(msgspec.Struct, frozen=True):
    """`done` of `total`; the slowest first."""

    total: int
    done: int
    slowest: list[Slow]


class Restoring:
    """Passive: told by the containers service, read by the operators' endpoints."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._began: dict[str, float] = {}
        self._took: dict[str, float] = {}

    def expect(self, containers: Iterable[tuple[str, str]]) -> None:
        """The (id, name) of all that have to be looked at."""
        self._names = dict(containers)
        self._began.clear()
        self._took.clear()

    @contextmanager
    def looking_at(self, id: str) -> Iterator[None]:
        """Whatever comes of it: one that is given up for now is no longer waited for."""
        began = self._began[id] = time.monotonic()
        try:
            yield
        finally:
            self._took[id] = time.monotonic() - began

    def progress(self) -> Progress:
        now = time.monotonic()
        times = {**{id: now - began for id, began in self._began.items()}, **self._took}
        slowest = sorted(times, key=times.__getitem__, reverse=True)[:SLOWEST]
        return Progress(
            total=len(self._names),
            done=len(self._took),
            slowest=[
                Slow(id, self._names.get(id, ""), round(times[id], 3), id in self._took)
                for id in slowest
            ],
        )
