from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from engine.domain.containers.task import PATIENCE, SETTLING, create_task, end_task
from engine.errors import Conflict, EngineError, NotFound, SystemFailure, Unavailable
from tests.fakes.host import FakeLeftovers

LEFT = SystemFailure("failed to start shim: mkdir /run/x: file exists")


class Tasks:
    """What containerd answers to creates, in turn, and whether it has a task."""

    def __init__(self, *answers: int | EngineError) -> None:
        self.answers = list(answers)
        self.asked: list[float] = []
        self.has: str = ""
        self.deleted = 0

    async def create(self, container_id: str, **_: Any) -> int:
        self.asked.append(trio.current_time())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, EngineError):
            raise answer
        return answer

    async def get(self, container_id: str) -> Any:
        if not self.has:
            raise NotFound("no task")
        return SimpleNamespace(pid=7, status=self.has)

    async def delete(self, container_id: str) -> None:
        self.has, self.deleted = "", self.deleted + 1


class Bench:
    def __init__(self, *answers: int | EngineError) -> None:
        self.tasks = Tasks(*answers)
        paths = SimpleNamespace(stdin="", stdout="out", stderr="err")
        self.cell: Any = SimpleNamespace(
            id="c",
            create_in_doubt=False,
            leftover=False,
            streams=SimpleNamespace(paths=paths),
            record=SimpleNamespace(config=SimpleNamespace(tty=False)),
        )
        runtime = SimpleNamespace(tasks=self.tasks)
        self.outside: Any = SimpleNamespace(runtime=runtime, leftovers=FakeLeftovers())
        self.prepared: Any = SimpleNamespace(rootfs=(), options=None)

    async def create(self) -> int:
        return await create_task(self.cell, self.outside, self.prepared)


async def test_what_an_earlier_create_left_is_ended_and_the_create_repeated(
    autojump_clock: MockClock,
) -> None:
    bench = Bench(Conflict("task c: already exists"), LEFT, 42)
    bench.tasks.has = "created"
    assert await bench.create() == 42
    assert (bench.tasks.deleted, bench.cell.create_in_doubt) == (1, False)


async def test_what_does_not_go_away_is_told_in_the_end(autojump_clock: MockClock) -> None:
    bench = Bench(LEFT)
    with pytest.raises(SystemFailure, match="file exists"):
        await bench.create()
    assert PATIENCE <= trio.current_time() < PATIENCE + 2


async def test_refusal_is_told_at_once_and_leaves_no_doubt(autojump_clock: MockClock) -> None:
    bench = Bench(SystemFailure("exec: not found"))
    with pytest.raises(SystemFailure, match="not found"):
        await bench.create()
    assert (len(bench.tasks.asked), bench.cell.create_in_doubt) == (1, False)


async def test_create_whose_answer_was_lost_is_looked_at_when_containerd_is_done_with_it(
    autojump_clock: MockClock,
) -> None:
    bench = Bench(Unavailable("containerd: Connection lost"))
    with pytest.raises(Unavailable):
        await bench.create()
    began = trio.current_time()
    bench.tasks.has = "created"
    await end_task(bench.cell, bench.outside)
    assert trio.current_time() - began == SETTLING
    assert (bench.tasks.deleted, bench.cell.create_in_doubt) == (1, False)
    await end_task(bench.cell, bench.outside)
    assert trio.current_time() - began == SETTLING
