"""Services for the tests: each writes into a diary what happens to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio
import trio.testing

from supervisors import ChildSpec, Node, Service, Supervisor


class Diary(list[str]):
    """What happened, in order; `take()` also forgets it."""

    def take(self) -> list[str]:
        entries = list(self)
        self.clear()
        return entries


class Player:
    """Starts, waits, stops when asked; crashes or ends when told."""

    def __init__(self, name: str, diary: Diary, *, start_delay: float = 0) -> None:
        self.name = name
        self.diary = diary
        self.start_delay = start_delay
        self._cue = trio.Event()
        self._error: BaseException | None = None

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        if self.start_delay:
            await trio.sleep(self.start_delay)
        self.diary.append(f"+{self.name}")
        task_status.started()
        try:
            await self._cue.wait()
        except trio.Cancelled:
            self.diary.append(f"!{self.name}")
            raise
        if self._error is not None:
            raise self._error
        self.diary.append(f"-{self.name}")

    async def stop(self) -> None:
        self._cue.set()

    def end(self, error: BaseException | None = None) -> None:
        """Return, or raise the error, though nobody asked."""
        self._error = error
        self._cue.set()


class Deaf(Player):
    """Doesn't hear that it is asked to stop."""

    async def stop(self) -> None:
        self.diary.append(f"?{self.name}")


class Stage:
    """Makes players by name, and knows each one's present incarnation."""

    def __init__(self) -> None:
        self.diary = Diary()
        self.players: dict[str, Player] = {}
        self.made = 0

    def spec(
        self,
        name: str,
        *depends_on: str,
        kind: type[Player] = Player,
        start_delay: float = 0,
        **options: Any,
    ) -> ChildSpec:
        def make() -> Player:
            self.made += 1
            player = kind(name, self.diary, start_delay=start_delay)
            self.players[name] = player
            return player

        return ChildSpec(name=name, factory=make, depends_on=depends_on, **options)

    def crash(self, name: str, error: BaseException | None = None) -> None:
        self.players[name].end(error or ValueError(f"{name} broke"))


class FailsToStart:
    """Raises before it has started, as often as it is told."""

    def __init__(self, errors: list[BaseException], then: Callable[[], Service]) -> None:
        self.errors = errors  # the test may add to them
        self.then = then

    def __call__(self) -> Service:
        return Broken(self.errors.pop(0)) if self.errors else self.then()


class Broken:
    """A service that can't start."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        await trio.lowlevel.checkpoint()
        raise self.error

    async def stop(self) -> None:
        pass


@asynccontextmanager
async def running(supervisor: Supervisor) -> AsyncIterator[Supervisor]:
    """The supervisor runs inside the block and is stopped at its end."""
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        try:
            yield supervisor
        finally:
            await supervisor.stop()


def node(supervisor: Supervisor, name: str) -> Node:
    return next(child for child in supervisor.status().children if child.name == name)


def states(supervisor: Supervisor) -> dict[str, str]:
    return {child.name: child.state for child in supervisor.status().children}


async def settle() -> None:
    """Let everything that can run, run."""
    await trio.testing.wait_all_tasks_blocked()
