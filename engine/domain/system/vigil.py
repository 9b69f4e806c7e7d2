"""The vigil: whether what the engine stands on answers, asked again and again, so that health need not ask.

Who asks after the engine's health must have an answer at once, also while the host is stuck.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping

import msgspec
import trio

from engine.errors import EngineError
from supervisors import Worker

PERIOD = 5.0
WORRIED = 1.0
"""Seconds to the next round; the shorter one while something does not answer."""
LIMIT = 2.0
"""Seconds in which an answer must come."""


class Answer(msgspec.Struct, frozen=True):
    """What came of the last question; times in unix seconds. `since` is when it began to be so."""

    well: bool
    since: float
    reason: str = ""
    last_success: float | None = None


class Vigil:
    """Passive: the answers by the name of the subsystem. Who is not there yet has not been asked."""

    def __init__(self, questions: Mapping[str, Callable[[], Awaitable[object]]]) -> None:
        """A question raises EngineError when its answer is bad news."""
        self.questions = questions
        self.answers: dict[str, Answer] = {}

    def note(self, name: str, reason: str = "") -> None:
        """An answer has come, or (with a reason) has not."""
        now, before = time.time(), self.answers.get(name)
        well = not reason
        since = before.since if before is not None and before.well == well else now
        last = now if well else None if before is None else before.last_success
        self.answers[name] = Answer(well, since, reason, last)

    @property
    def all_well(self) -> bool:
        return all(each.well for each in self.answers.values())

    async def ask(self, name: str) -> None:
        """One question, with its deadline."""
        reason = f"no answer within {LIMIT:g} s"
        with trio.move_on_after(LIMIT):
            try:
                await self.questions[name]()
                reason = ""
            except EngineError as error:
                reason = str(error)
        self.note(name, reason)


class VigilService(Worker):
    """Asks all of them at its start, and then every PERIOD."""

    def __init__(self, vigil: Vigil) -> None:
        self._vigil = vigil

    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        while True:
            async with trio.open_nursery() as nursery:
                for name in self._vigil.questions:
                    nursery.start_soon(self._vigil.ask, name)
            await trio.sleep(PERIOD if self._vigil.all_well else WORRIED)
