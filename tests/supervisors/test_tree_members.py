"""Children that come and go while the supervisor runs."""

from __future__ import annotations

import contextlib
import itertools
import random

import pytest
import trio
from trio.testing import MockClock

from supervisors import (
    BadTree,
    ChildInUse,
    ChildSpec,
    DuplicateChild,
    Mailbox,
    Refusal,
    Restart,
    ServiceStopped,
    StartTimeout,
    Strategy,
    Supervisor,
    UnknownChild,
)
from tests.supervisors.fakes import (
    Broken,
    Deaf,
    FailsToStart,
    Player,
    Stage,
    node,
    running,
    settle,
    states,
)


async def test_a_child_can_be_added_and_removed(autojump_clock: MockClock) -> None:
    stage = Stage()
    async with running(Supervisor("root")) as tree:
        await tree.add(stage.spec("a"))
        assert states(tree) == {"a": "running"}
        await tree.remove("a")
        assert tree.names() == ()
        assert stage.diary.take() == ["+a", "-a"]
        with pytest.raises(UnknownChild):
            await tree.remove("a")


async def test_added_children_are_stopped_in_their_order(autojump_clock: MockClock) -> None:
    stage = Stage()
    async with running(Supervisor("root", [stage.spec("base")])) as tree:
        await tree.add(stage.spec("a", "base"))
        await tree.add(stage.spec("b", "a"))
        stage.diary.clear()
    assert stage.diary == ["-b", "-a", "-base"]


async def test_a_name_is_taken_until_its_child_has_stopped(autojump_clock: MockClock) -> None:
    stage = Stage()
    async with running(Supervisor("root")) as tree, trio.open_nursery() as nursery:
        await tree.add(stage.spec("a", kind=Deaf, grace=5))
        with pytest.raises(DuplicateChild):
            await tree.add(stage.spec("a"))
        nursery.start_soon(tree.remove, "a")
        await trio.sleep(1)
        with pytest.raises(DuplicateChild):
            await tree.add(stage.spec("a"))
        await trio.sleep(5)
        await tree.add(stage.spec("a"))


async def test_an_unknown_dependency_is_refused(autojump_clock: MockClock) -> None:
    async with running(Supervisor("root")) as tree:
        with pytest.raises(BadTree, match="a depends on b"):
            await tree.add(Stage().spec("a", "b"))


async def test_a_child_that_others_need_is_not_removed(autojump_clock: MockClock) -> None:
    stage = Stage()
    async with running(Supervisor("root", [stage.spec("base")])) as tree:
        await tree.add(stage.spec("a", "base"))
        with pytest.raises(ChildInUse):
            await tree.remove("base")
        await tree.remove("a")
        await tree.remove("base")


async def test_a_start_that_fails_is_undone_and_told(autojump_clock: MockClock) -> None:
    stage = Stage()
    async with running(Supervisor("root", max_restarts=0)) as tree:
        with pytest.raises(OSError, match="no room"):
            await tree.add(ChildSpec(name="a", factory=lambda: Broken(OSError("no room"))))
        with pytest.raises(StartTimeout):
            await tree.add(stage.spec("b", start_delay=10, start_timeout=1))
        assert tree.names() == ()
        await tree.add(stage.spec("a"))


async def test_a_cancelled_add_is_undone(autojump_clock: MockClock) -> None:
    stage = Stage()
    async with running(Supervisor("root")) as tree:
        with trio.move_on_after(1):
            await tree.add(stage.spec("a", start_delay=10))
        assert tree.names() == ()
        await trio.sleep(20)
        assert stage.diary == []


async def test_an_added_child_waits_for_its_dependency_to_run(autojump_clock: MockClock) -> None:
    stage = Stage()
    async with running(Supervisor("root", [stage.spec("base", start_delay=5)])) as tree:
        stage.crash("base")
        await settle()
        stage.diary.clear()
        await tree.add(stage.spec("a", "base"))
        assert stage.diary == ["+base", "+a"]


async def test_a_child_that_waits_for_its_dependency_is_started_once(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    delays = [0, 100, 0]  # the second start takes too long, so there is another round
    base = ChildSpec(
        name="base",
        factory=lambda: Player("base", stage.diary, start_delay=delays.pop(0)),
        start_timeout=5,
    )
    async with running(Supervisor("root", [base], strategy=Strategy.REST_FOR_ONE)) as tree:
        first = tree.child("base")
        assert isinstance(first, Player)
        first.end(ValueError("base broke"))
        await trio.sleep(1)
        await tree.add(stage.spec("a", "base"))
        assert states(tree) == {"base": "running", "a": "running"}
        assert stage.diary == ["+base", "+base", "+a"]
        assert stage.made == 1


@pytest.mark.parametrize("restart", [Restart.TRANSIENT, Restart.TEMPORARY])
async def test_a_dynamic_child_that_ended_disappears(
    autojump_clock: MockClock, restart: Restart
) -> None:
    stage = Stage()
    told: list[str] = []
    tree = Supervisor("root", on_change=lambda path, state, error: told.append(state))
    async with running(tree):
        await tree.add(stage.spec("a", restart=restart))
        stage.players["a"].end()
        await settle()
        assert tree.names() == ()
        assert told == ["starting", "running", "stopped"]


async def test_a_dynamic_temporary_child_that_crashed_is_told_and_disappears(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    told: list[tuple[str, str]] = []
    tree = Supervisor("root", on_change=lambda path, state, e: told.append((state, str(e or ""))))
    async with running(tree):
        await tree.add(stage.spec("a", restart=Restart.TEMPORARY))
        stage.crash("a")
        await settle()
        assert tree.names() == ()
        assert told[-1] == ("failed", "a broke")


async def test_a_dynamic_transient_child_that_crashed_is_restarted(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    async with running(Supervisor("root")) as tree:
        await tree.add(stage.spec("a", restart=Restart.TRANSIENT))
        stage.crash("a")
        await settle()
        assert states(tree) == {"a": "running"}


async def test_nobody_waits_for_a_removed_child(autojump_clock: MockClock) -> None:
    stage = Stage()
    box: Mailbox[str] = Mailbox("a", capacity=1)
    async with running(Supervisor("root")) as tree, trio.open_nursery() as nursery:
        await tree.add(stage.spec("a", mailboxes=(box,)))
        await box.tell("first")

        async def wait() -> None:
            with pytest.raises(ServiceStopped, match="a does not answer: it is stopped"):
                await box.tell("second")

        nursery.start_soon(wait)
        await settle()
        await tree.remove("a")


async def test_removing_runs_to_its_end_though_the_caller_leaves(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    async with running(Supervisor("root")) as tree:
        await tree.add(stage.spec("a", kind=Deaf, grace=5))
        with trio.move_on_after(1):
            await tree.remove("a")
        assert tree.names() == ()
        assert stage.diary == ["+a", "?a", "!a"]


async def test_two_who_remove_the_same_both_wait_for_its_end(autojump_clock: MockClock) -> None:
    stage = Stage()
    async with running(Supervisor("root")) as tree, trio.open_nursery() as nursery:
        await tree.add(stage.spec("a", kind=Deaf, grace=5))
        nursery.start_soon(tree.remove, "a")
        await trio.sleep(1)
        await tree.remove("a")
        assert stage.diary == ["+a", "?a", "!a"]


async def test_a_removed_child_is_not_revived_by_its_restart(autojump_clock: MockClock) -> None:
    stage = Stage()
    async with running(Supervisor("root")) as tree:
        await tree.add(stage.spec("a"))
        stage.crash("a")
        # The crash is noticed, its restart is not yet begun, and the remover comes first.
        while node(tree, "a").state != "restarting":
            await trio.lowlevel.checkpoint()
        await tree.remove("a")
        await settle()
        assert tree.names() == ()
        assert stage.diary.count("+a") == stage.diary.count("-a") + 1
        assert stage.players["a"].name not in tree.names()
    assert trio.current_time() == 0


async def test_a_child_can_be_removed_while_it_restarts_slowly(autojump_clock: MockClock) -> None:
    stage = Stage()
    async with running(Supervisor("root", [stage.spec("b")])) as tree:
        await tree.add(stage.spec("a", start_delay=30))
        stage.crash("a")
        await trio.sleep(1)
        before = trio.current_time()
        await tree.remove("a")
        assert trio.current_time() == before
        await trio.sleep(60)
        assert tree.names() == ("b",)
        assert stage.diary.count("+a") == 1


async def test_a_static_child_removed_while_it_starts_does_not_fail_the_start(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    tree = Supervisor("root", [stage.spec("a", start_delay=30), stage.spec("b", start_delay=40)])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tree.run)
        await trio.sleep(1)
        await tree.remove("a")
        await tree.wait_running("b")
        assert states(tree) == {"b": "running"}
        await tree.stop()


async def test_a_member_can_be_removed_during_its_groups_restart(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    specs = [stage.spec("base", start_delay=10), stage.spec("a", "base"), stage.spec("b", "base")]
    async with running(Supervisor("root", specs, strategy=Strategy.REST_FOR_ONE)) as tree:
        stage.diary.clear()
        stage.crash("base")
        await trio.sleep(5)
        await tree.remove("a")
        await trio.sleep(10)
        assert states(tree) == {"base": "running", "b": "running"}
        assert "+a" not in stage.diary


async def test_nothing_is_added_to_a_supervisor_that_does_not_run(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    tree = Supervisor("root", [stage.spec("d", kind=Deaf)])
    with pytest.raises(ServiceStopped):
        await tree.add(stage.spec("a"))
    async with running(tree):
        await tree.stop()
        with pytest.raises(ServiceStopped):
            await tree.add(stage.spec("a"))
        with pytest.raises(ServiceStopped):
            await tree.restart("d")


async def test_stopping_undoes_an_add_under_way(autojump_clock: MockClock) -> None:
    stage = Stage()
    async with trio.open_nursery() as nursery, running(Supervisor("root")) as tree:

        async def add() -> None:
            with pytest.raises(ServiceStopped):
                await tree.add(stage.spec("a", start_delay=50))

        nursery.start_soon(add)
        await trio.sleep(1)
    assert trio.current_time() == pytest.approx(1)
    assert tree.names() == ()


async def test_a_child_may_add_siblings_while_it_starts(autojump_clock: MockClock) -> None:
    stage = Stage()
    tree = Supervisor("root")

    class Restorer(Deaf):
        async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
            for number in range(3):
                await tree.add(stage.spec(f"c{number}"))
            await super().run(task_status=task_status)

    async with running(tree):
        await tree.add(ChildSpec(name="r", factory=lambda: Restorer("r", stage.diary)))
        assert set(tree.names()) == {"r", "c0", "c1", "c2"}


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


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("seed", range(8))
async def test_races_of_add_remove_restart_and_crash_leave_a_sound_tree(
    autojump_clock: MockClock, strategy: Strategy, seed: int
) -> None:
    dice = random.Random(seed)
    stage = Stage()
    base = [stage.spec("base"), stage.spec("mid", "base", start_delay=0.3)]
    tree = Supervisor("root", base, strategy=strategy, max_restarts=10**6)
    names = [f"c{number}" for number in range(5)]

    async def meddle() -> None:
        for _ in range(60):
            await trio.sleep(dice.random())
            name = dice.choice(names)
            spec = stage.spec(
                name,
                *dice.choice([(), ("base",), ("mid",)]),
                kind=Deaf if dice.random() < 0.25 else Player,
                start_delay=dice.choice([0, 0, 0.5]),
                grace=0.5,
            )
            with trio.move_on_after(dice.choice([0.2, 100])):
                with contextlib.suppress(Refusal):
                    match dice.choice(["add", "remove", "restart"]):
                        case "add":
                            await tree.add(spec)
                        case "remove":
                            await tree.remove(name)
                        case _:
                            await tree.restart(dice.choice([name, "base", "mid"]))
            if dice.random() < 0.3:
                stage.crash(dice.choice(list(stage.players)))

    async with running(tree):
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(meddle)
        await trio.sleep(20)
        assert set(states(tree).values()) == {"running"}
        # Exactly those of the tree live: every start was followed by an end, but one each.
        for name in itertools.chain(names, ("base", "mid")):
            alive = tree.child(name) if name in tree.names() else None
            assert alive is (stage.players[name] if alive else None)
        living = trio.lowlevel.current_statistics().tasks_living
        for name in names:
            if name in tree.names():
                await tree.remove(name)
                living -= 1
        assert trio.lowlevel.current_statistics().tasks_living == living
    assert set(states(tree).values()) == {"stopped"}
