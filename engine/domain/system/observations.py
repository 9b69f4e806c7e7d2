"""What a scrape of the metrics looks at: taken from memory in one go, to be told by another thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from engine.domain.containers.glance import Glance
from engine.domain.system.facts import Facts
from engine.domain.system.pulse import Lag
from engine.domain.system.tallies import Tallies
from engine.models.meters import Reading
from supervisors import Node


class Engine(msgspec.Struct, frozen=True):
    """What is said of the engine as a whole."""

    id: str
    version: str
    commit: str
    snapshotter: str


class Observed(msgspec.Struct, frozen=True):
    """`counts` are the containers running, paused, stopped; `dropped` log records by container ID."""

    engine: Engine
    facts: Facts
    counts: tuple[int, int, int]
    events: int
    subscribers: int
    tallies: Tallies
    tree: Node
    lag: Lag
    containers: Sequence[Glance]
    dropped: Mapping[str, int]
    readings: Mapping[str, Reading]
