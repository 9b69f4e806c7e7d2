from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from supervisors import ServiceStopped, StartTimeout
from supervisors.child import Incarnation
from tests.supervisors.fakes import Deaf, Diary, Player


class Watched:
    """An incarnation of a player, with what it reports."""

    def __init__(self, player: Player) -> None:
        self.diary = player.diary
        self.incarnation = Incarnation(
            "p", player, lambda: self.diary.append("started"), lambda _: self.diary.append("ended")
        )


async def test_it_reports_its_start_and_its_end(autojump_clock: MockClock) -> None:
    player = Player("p", Diary())
    watched = Watched(player)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watched.incarnation.live)
        await watched.incarnation.wait_started(None)
        await watched.incarnation.halt(5)
    assert watched.diary == ["+p", "started", "-p", "ended"]


async def test_once_started_the_nursery_cannot_cancel_it(autojump_clock: MockClock) -> None:
    watched = Watched(Player("p", Diary()))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watched.incarnation.live)
        await watched.incarnation.wait_started(None)
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await trio.sleep(1)
            assert not watched.incarnation.ended.is_set()
            await watched.incarnation.halt(5)
    assert watched.diary[-2:] == ["-p", "ended"]


async def test_until_it_has_started_the_nursery_cancels_it(autojump_clock: MockClock) -> None:
    watched = Watched(Player("p", Diary(), start_delay=9))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watched.incarnation.live)
        nursery.cancel_scope.cancel()
    assert watched.incarnation.ended.is_set()
    assert watched.diary == []


async def test_halting_it_while_it_starts_cancels_it_unasked(autojump_clock: MockClock) -> None:
    watched = Watched(Deaf("p", Diary(), start_delay=9))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watched.incarnation.live)
        await trio.sleep(1)
        await watched.incarnation.halt(5)
        with pytest.raises(ServiceStopped):
            await watched.incarnation.wait_started(None)
    assert watched.diary == ["ended"]


async def test_a_start_that_comes_too_late_is_no_start(autojump_clock: MockClock) -> None:
    class Stubborn(Player):
        async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
            with trio.CancelScope(shield=True):
                await trio.sleep(5)
            task_status.started()
            await trio.lowlevel.checkpoint()

    watched = Watched(Stubborn("p", Diary()))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watched.incarnation.live)
        with pytest.raises(StartTimeout):
            await watched.incarnation.wait_started(1)
    assert watched.diary == ["ended"]


async def test_a_halt_is_not_cut_short(autojump_clock: MockClock) -> None:
    watched = Watched(Deaf("p", Diary()))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watched.incarnation.live)
        await watched.incarnation.wait_started(None)
        with trio.move_on_after(1):
            await watched.incarnation.halt(5)
        assert watched.incarnation.ended.is_set()
        assert trio.current_time() == pytest.approx(5)


async def test_a_service_may_say_started_only_once(autojump_clock: MockClock) -> None:
    class Stutterer(Player):
        async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
            task_status.started()
            task_status.started()

    watched = Watched(Stutterer("p", Diary()))
    await watched.incarnation.live()
    assert repr(watched.incarnation.error) == "RuntimeError('p said started() twice')"
