"""What every step is given, and what a step is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from demo.client import Api
from demo.screen import Screen
from demo.stage import Stage
from demo.watch import EventWatch


@dataclass(frozen=True)
class Scene:
    """The daemon on its stage, the watch over its events, and the screen."""

    stage: Stage
    events: EventWatch
    screen: Screen

    @property
    def api(self) -> Api:
        return self.stage.api


@dataclass(frozen=True)
class Step:
    """`act` does it, checks it (CheckFailed), and returns what it found in a sentence.

    `events` must come from the daemon meanwhile, in this order; others may lie between them.
    """

    title: str
    act: Callable[[Scene], str]
    events: tuple[str, ...] = ()
