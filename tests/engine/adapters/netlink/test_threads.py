from __future__ import annotations

import threading

import pytest
import trio
from trio.testing import MockClock

from engine.adapters.netlink.threads import in_own_thread, in_worker
from engine.errors import DeadlineExceeded


async def test_own_thread_ends_with_its_work() -> None:
    first = await in_own_thread("look", threading.current_thread)
    second = await in_own_thread("look", threading.current_thread)
    assert first is not second
    first.join(1)
    assert not first.is_alive()


async def test_error_comes_back_to_the_caller() -> None:
    def fail() -> None:
        raise KeyError("x")

    for run in (in_own_thread, in_worker):
        with pytest.raises(KeyError):
            await run("fail", fail)


@pytest.mark.parametrize("run", [in_own_thread, in_worker])
async def test_hanging_thread_is_given_up_at_its_deadline(run: object) -> None:
    release = threading.Event()
    assert run in (in_own_thread, in_worker)
    chosen = in_own_thread if run is in_own_thread else in_worker
    with pytest.raises(DeadlineExceeded, match="hang: no answer within"):
        await chosen("hang", release.wait, deadline=0.01)
    release.set()


def test_end_of_the_run_does_not_trouble_a_late_thread(autojump_clock: MockClock) -> None:
    release = threading.Event()

    async def leave() -> None:
        with trio.move_on_after(0.01):
            await in_own_thread("late", release.wait)

    trio.run(leave)
    release.set()
