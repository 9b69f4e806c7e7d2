from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from engine import signals
from engine.models.reload import ReloadReport


class FakeEngine:
    def __init__(self) -> None:
        self.done: list[str] = []
        self.fails = False

    async def stop(self) -> None:
        self.done.append("stop")
        await trio.sleep_forever()

    async def reload(self) -> ReloadReport:
        self.done.append("reload")
        if self.fails:
            raise RuntimeError("a bug")
        return ReloadReport(accepted=True, dry_run=False, message="", changes=[], unchanged=[])

    async def write_stacks(self) -> None:
        self.done.append("stacks")

    async def upgrade(self) -> None:
        self.done.append("upgrade")

    def show_stacks(self) -> None:
        self.done.append("shown")


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(10):
        while not condition():  # noqa: ASYNC110 (a real signal comes from outside the loop)
            await trio.sleep(0.005)


async def test_first_signal_stops_in_order_and_the_third_forces_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine, ends = FakeEngine(), []
    monkeypatch.setattr(os, "_exit", ends.append)
    async with trio.open_nursery() as nursery:
        await nursery.start(signals.obey_signals, engine)
        for stops, forced in ((1, []), (1, []), (1, [128 + 15])):
            os.kill(os.getpid(), signal.SIGTERM)
            await wait_all_tasks_blocked(0.01)
            assert (engine.done.count("stop"), ends) == (stops, forced)
        nursery.cancel_scope.cancel()


async def test_each_signal_has_its_answer_and_a_failing_one_is_survived(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine, ends = FakeEngine(), []
    engine.fails = True
    monkeypatch.setattr(os, "_exit", ends.append)
    async with trio.open_nursery() as nursery:
        await nursery.start(signals.obey_signals, engine)
        for number, answer in (
            (signal.SIGHUP, "reload"),
            (signal.SIGUSR1, "stacks"),
            (signal.SIGUSR2, "upgrade"),
            (signal.SIGQUIT, "shown"),
        ):
            os.kill(os.getpid(), number)
            await until(lambda answer=answer: answer in engine.done)
        await until(lambda: ends == [131])
        assert engine.done == ["reload", "stacks", "upgrade", "shown"]
        nursery.cancel_scope.cancel()
