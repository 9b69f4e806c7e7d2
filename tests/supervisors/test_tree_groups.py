"""Restarts that take others along."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from supervisors import (
    ChildSpec,
    Restart,
    Strategy,
    Supervisor,
)
from tests.supervisors.fakes import FailsToStart, Stage, running, settle, states


async def test_rest_for_one_restarts_dependents_in_the_graph(autojump_clock: MockClock) -> None:
    stage = Stage()
    specs = [
        stage.spec("late", "middle"),
        stage.spec("stranger"),
        stage.spec("base"),
        stage.spec("middle", "base"),
        stage.spec("neighbour"),
    ]
    async with running(Supervisor("root", specs, strategy=Strategy.REST_FOR_ONE)) as tree:
        stage.diary.clear()
        stage.crash("base")
        await settle()
        assert stage.diary.take() == ["-late", "-middle", "+base", "+middle", "+late"]
        stage.crash("middle")
        await settle()
        assert stage.diary.take() == ["-late", "+middle", "+late"]
        stage.crash("late")
        await settle()
        assert stage.diary.take() == ["+late"]
        assert set(states(tree).values()) == {"running"}


async def test_one_for_all_restarts_all_in_order(autojump_clock: MockClock) -> None:
    stage = Stage()
    specs = [stage.spec("a"), stage.spec("b", "a"), stage.spec("c", "b")]
    async with running(Supervisor("root", specs, strategy=Strategy.ONE_FOR_ALL)):
        stage.diary.clear()
        stage.crash("b")
        await settle()
        assert stage.diary.take() == ["-c", "-a", "+a", "+b", "+c"]


async def test_a_group_that_crashes_together_is_restarted_once(autojump_clock: MockClock) -> None:
    stage = Stage()
    specs = [stage.spec("a"), stage.spec("b", "a")]
    async with running(Supervisor("root", specs, strategy=Strategy.ONE_FOR_ALL)):
        stage.diary.clear()
        stage.crash("a")
        stage.crash("b")
        await settle()
        assert stage.diary.take() == ["+a", "+b"]


async def test_a_member_that_fails_in_a_group_restart_is_tried_again_with_its_dependents(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    errors: list[BaseException] = []
    middle = ChildSpec(
        name="b", factory=FailsToStart(errors, stage.spec("b").factory), depends_on=("a",)
    )
    specs = [stage.spec("a"), middle, stage.spec("c", "b")]
    async with running(Supervisor("root", specs, strategy=Strategy.REST_FOR_ONE)) as tree:
        stage.diary.clear()
        errors.append(OSError("not yet"))
        stage.crash("a")
        await settle()
        assert stage.diary.take() == ["-c", "-b", "+a", "+b", "+c"]
        assert set(states(tree).values()) == {"running"}


async def test_a_temporary_dependent_is_not_restarted_with_its_group(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    specs = [stage.spec("a"), stage.spec("t", "a", restart=Restart.TEMPORARY)]
    async with running(Supervisor("root", specs, strategy=Strategy.REST_FOR_ONE)) as tree:
        stage.diary.clear()
        stage.crash("a")
        await settle()
        assert stage.diary.take() == ["-t", "+a"]
        assert states(tree) == {"a": "running", "t": "stopped"}


async def test_a_finished_member_is_not_revived_by_its_group(autojump_clock: MockClock) -> None:
    stage = Stage()
    specs = [stage.spec("a"), stage.spec("t", "a", restart=Restart.TRANSIENT)]
    async with running(Supervisor("root", specs, strategy=Strategy.ONE_FOR_ALL)):
        stage.players["t"].end()
        await settle()
        stage.diary.clear()
        stage.crash("a")
        await settle()
        assert stage.diary.take() == ["+a"]


async def test_a_crash_before_the_group_is_complete_fails_the_start(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    tree = Supervisor(
        "root",
        [stage.spec("a"), stage.spec("b", "a", start_delay=100)],
        strategy=Strategy.REST_FOR_ONE,
    )
    async with trio.open_nursery() as nursery:

        async def crash_soon() -> None:
            await trio.sleep(1)
            stage.crash("a")

        nursery.start_soon(crash_soon)
        with pytest.raises(ValueError, match="a broke"):
            await nursery.start(tree.run)


async def test_dependents_of_a_child_that_fails_for_good_are_started_without_it(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    errors: list[BaseException] = []
    shaky = ChildSpec(
        name="q",
        factory=FailsToStart(errors, stage.spec("q").factory),
        depends_on=("a",),
        quarantine=True,
    )
    specs = [stage.spec("a"), shaky, stage.spec("c", "q")]
    async with running(
        Supervisor("root", specs, strategy=Strategy.REST_FOR_ONE, max_restarts=1)
    ) as tree:
        errors += [OSError("1"), OSError("2")]
        stage.crash("a")
        await settle()
        assert states(tree) == {"a": "running", "q": "quarantined", "c": "running"}
