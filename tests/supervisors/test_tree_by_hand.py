"""Restarts that an operator asks for."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from supervisors import (
    ChildSpec,
    ServiceStopped,
    Strategy,
    Supervisor,
    UnknownChild,
)
from tests.supervisors.fakes import (
    Deaf,
    FailsToStart,
    Stage,
    node,
    running,
    settle,
    states,
)


async def test_an_operator_can_restart_a_child(autojump_clock: MockClock) -> None:
    stage = Stage()
    async with running(Supervisor("root", [stage.spec("a")], max_restarts=0)) as tree:
        stage.diary.clear()
        await tree.restart("a")
        await tree.restart("a")
        assert stage.diary.take() == ["-a", "+a", "-a", "+a"]
        assert node(tree, "a").restarts == 2
        with pytest.raises(UnknownChild):
            await tree.restart("b")


async def test_a_restart_by_hand_takes_the_group_along(autojump_clock: MockClock) -> None:
    stage = Stage()
    specs = [stage.spec("a"), stage.spec("b", "a")]
    async with running(Supervisor("root", specs, strategy=Strategy.REST_FOR_ONE)) as tree:
        stage.diary.clear()
        await tree.restart("a")
        assert stage.diary.take() == ["-b", "-a", "+a", "+b"]


async def test_a_restart_by_hand_that_fails_is_told_and_tried_again(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    errors: list[BaseException] = []
    make = FailsToStart(errors, stage.spec("a").factory)
    async with running(Supervisor("root", [ChildSpec(name="a", factory=make)])) as tree:
        errors.append(OSError("not now"))
        with pytest.raises(OSError, match="not now"):
            await tree.restart("a")
        await settle()
        assert states(tree) == {"a": "running"}


async def test_a_restart_by_hand_runs_to_its_end_though_the_caller_leaves(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    async with running(Supervisor("root", [stage.spec("a", start_delay=5)])) as tree:
        with trio.move_on_after(1):
            await tree.restart("a")
        assert states(tree) == {"a": "restarting"}
        await trio.sleep(5)
        assert states(tree) == {"a": "running"}


async def test_a_restart_by_hand_that_the_stop_interrupts_is_told(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    tree = Supervisor("root", [stage.spec("a", start_delay=5)])
    async with trio.open_nursery() as nursery, running(tree):

        async def restart() -> None:
            with pytest.raises(ServiceStopped):
                await tree.restart("a")

        nursery.start_soon(restart)
        await trio.sleep(1)


async def test_restarting_a_child_that_starts_waits_for_its_start(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    async with running(Supervisor("root")) as tree, trio.open_nursery() as nursery:
        nursery.start_soon(tree.add, stage.spec("a", start_delay=5))
        await trio.sleep(1)
        await tree.restart("a")
        assert trio.current_time() == pytest.approx(5)
        assert stage.diary == ["+a"]


async def test_nothing_is_restarted_by_hand_during_the_first_start(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    tree = Supervisor("root", [stage.spec("a"), stage.spec("b", "a", start_delay=9)])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tree.run)
        await trio.sleep(1)
        with pytest.raises(ServiceStopped, match="it is starting"):
            await tree.restart("a")
        await tree.wait_running("b")
        await tree.stop()


async def test_restarting_a_child_that_is_being_removed_finds_it_gone(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    async with running(Supervisor("root")) as tree, trio.open_nursery() as nursery:
        await tree.add(stage.spec("a", kind=Deaf, grace=5))
        nursery.start_soon(tree.remove, "a")
        await trio.sleep(1)
        with pytest.raises(UnknownChild):
            await tree.restart("a")
        await trio.sleep(10)
        assert tree.names() == ()
