"""Samples of one work on two engines, taken in turns: medians, spread, and whether a limit is kept."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

E = TypeVar("E")


class Bound(Enum):
    """What a limit holds for: the ratio of the two medians, or their difference in the row's unit."""

    RATIO = "ratio"
    DIFFERENCE = "difference"


@dataclass(frozen=True)
class Limit:
    """At most `value`."""

    value: float
    bound: Bound = Bound.RATIO

    def __str__(self) -> str:
        return f"{self.value:g}" if self.bound is Bound.RATIO else f"+{self.value:g}"


@dataclass
class Comparison:
    """One row of the table. `theirs` is empty where there is no peer; `missing` says why nothing was measured."""

    work: str
    unit: str
    limit: Limit | None = None
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    missing: str = ""

    @property
    def ratio(self) -> float | None:
        if not self.ours or not self.theirs or not statistics.median(self.theirs):
            return None
        return statistics.median(self.ours) / statistics.median(self.theirs)

    @property
    def kept(self) -> bool | None:
        """None where there is no limit, or nothing to compare with."""
        if self.limit is None or not self.ours or not self.theirs:
            return None
        if self.limit.bound is Bound.DIFFERENCE:
            found = statistics.median(self.ours) - statistics.median(self.theirs)
            return found <= self.limit.value
        return self.ratio is not None and self.ratio <= self.limit.value


def interleave(
    rounds: int, engines: Sequence[E], sample: Callable[[E], float]
) -> list[list[float]]:
    """`rounds` samples of each engine, after one each that does not count; who begins alternates."""
    for engine in engines:
        sample(engine)
    taken: list[list[float]] = [[] for _ in engines]
    for number in range(rounds):
        turns = list(enumerate(engines))
        for index, engine in turns if number % 2 == 0 else reversed(turns):
            taken[index].append(sample(engine))
    return taken
