"""Crashes: who is restarted, how often, and what happens when it is too often."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock

from supervisors import (
    ChildSpec,
    IntensityExceeded,
    Mailbox,
    Request,
    Restart,
    Service,
    ServiceCrashed,
    ServiceStopped,
    Strategy,
    Supervisor,
    UnexpectedEnd,
    Worker,
)
from supervisors.child import Incarnation
from tests.supervisors.fakes import FailsToStart, Player, Stage, node, running, settle, states


async def test_a_crashed_child_gets_a_fresh_object_and_the_others_go_on(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    async with running(Supervisor("root", [stage.spec("a"), stage.spec("b", "a")])) as tree:
        stage.diary.clear()
        first = stage.players["a"]
        stage.crash("a")
        await settle()
        assert stage.diary.take() == ["+a"]
        assert tree.child("a") is stage.players["a"] is not first


async def test_a_crash_is_logged_with_its_traceback(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage()
    async with running(Supervisor("root", [stage.spec("a")])):
        stage.crash("a")
        await settle()
    assert "root/a crashed" in caplog.text
    assert "Traceback" in caplog.text
    assert "a broke" in caplog.text


async def test_a_group_of_errors_is_a_crash_like_another(autojump_clock: MockClock) -> None:
    stage = Stage()
    async with running(Supervisor("root", [stage.spec("a")])) as tree:
        stage.crash("a", ExceptionGroup("both", [ValueError("x"), KeyError("y")]))
        await settle()
        assert node(tree, "a").state == "running"
        assert node(tree, "a").last_error == "ExceptionGroup: both (2 sub-exceptions)"


@pytest.mark.parametrize(
    ("restart", "crash", "state"),
    [
        (Restart.PERMANENT, True, "running"),
        (Restart.PERMANENT, False, "running"),
        (Restart.TRANSIENT, True, "running"),
        (Restart.TRANSIENT, False, "stopped"),
        (Restart.TEMPORARY, True, "failed"),
        (Restart.TEMPORARY, False, "stopped"),
    ],
)
async def test_the_policy_says_what_becomes_of_an_ended_child(
    autojump_clock: MockClock, restart: Restart, crash: bool, state: str
) -> None:
    stage = Stage()
    async with running(Supervisor("root", [stage.spec("a", restart=restart)])) as tree:
        stage.players["a"].end(ValueError("x") if crash else None)
        await settle()
        assert states(tree) == {"a": state}
        assert stage.made == (2 if state == "running" else 1)


async def test_a_permanent_child_that_returns_has_crashed(autojump_clock: MockClock) -> None:
    stage = Stage()
    with pytest.RaisesGroup(IntensityExceeded) as caught:
        async with running(Supervisor("root", [stage.spec("a")], max_restarts=0)):
            stage.players["a"].end()
            await trio.sleep_forever()
    error = caught.value.exceptions[0]
    assert isinstance(error, IntensityExceeded)
    assert isinstance(error.last_error, UnexpectedEnd)


async def test_a_restart_storm_escalates_and_takes_the_others_down(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    tree = Supervisor("root", [stage.spec("a"), stage.spec("b")], max_restarts=3, period=300)
    with pytest.RaisesGroup(IntensityExceeded) as caught:
        async with running(tree):
            for _ in range(4):
                stage.diary.clear()
                stage.crash("a")
                await settle()
            await trio.sleep_forever()
    error = caught.value.exceptions[0]
    assert isinstance(error, IntensityExceeded)
    assert error.supervisor == "root"
    assert str(error.last_error) == "a broke"
    assert stage.diary == ["-b"]
    assert tree.status().state == "failed"
    assert states(tree) == {"a": "failed", "b": "stopped"}


async def test_crashes_of_all_children_count_together(autojump_clock: MockClock) -> None:
    stage = Stage()
    with pytest.RaisesGroup(IntensityExceeded):
        async with running(Supervisor("root", [stage.spec("a"), stage.spec("b")], max_restarts=1)):
            stage.crash("a")
            await settle()
            stage.crash("b")
            await trio.sleep_forever()


async def test_rare_crashes_never_escalate(autojump_clock: MockClock) -> None:
    stage = Stage()
    async with running(Supervisor("root", [stage.spec("a")], max_restarts=1, period=10)) as tree:
        for _ in range(20):
            stage.crash("a")
            await trio.sleep(11)
        assert node(tree, "a").restarts == 20


async def test_a_failed_restart_counts_and_is_tried_again(autojump_clock: MockClock) -> None:
    stage = Stage()
    errors: list[BaseException] = []
    make = FailsToStart(errors, stage.spec("a").factory)
    async with running(Supervisor("root", [ChildSpec(name="a", factory=make)])) as tree:
        errors += [OSError("still broken"), OSError("still broken")]
        stage.crash("a")
        await settle()
        assert states(tree) == {"a": "running"}
        assert node(tree, "a").restarts == 3
    assert not errors


async def test_failed_restarts_escalate(autojump_clock: MockClock) -> None:
    stage = Stage()
    errors: list[BaseException] = []
    make = FailsToStart(errors, stage.spec("a").factory)
    with pytest.RaisesGroup(IntensityExceeded) as caught:
        async with running(Supervisor("root", [ChildSpec(name="a", factory=make)])):
            errors += [OSError("1"), OSError("2"), OSError("3"), OSError("4")]
            stage.crash("a")
            await trio.sleep_forever()
    assert [str(error) for error in errors] == ["4"]
    error = caught.value.exceptions[0]
    assert isinstance(error, IntensityExceeded)
    assert str(error.last_error) == "3"


async def test_a_factory_that_fails_in_a_restart_counts_too(autojump_clock: MockClock) -> None:
    stage = Stage()
    spec = stage.spec("a")

    def make() -> Service:
        if stage.made:
            raise LookupError("used up")
        return spec.factory()

    with pytest.RaisesGroup(IntensityExceeded):
        async with running(Supervisor("root", [ChildSpec(name="a", factory=make)])):
            stage.crash("a")
            await trio.sleep_forever()


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


async def test_one_for_one_restarts_also_while_others_start(autojump_clock: MockClock) -> None:
    stage = Stage()
    tree = Supervisor("root", [stage.spec("a"), stage.spec("slow", start_delay=100)])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tree.run)
        await trio.sleep(1)
        stage.crash("a")
        await settle()
        assert states(tree) == {"a": "running", "slow": "starting"}
        await tree.stop()


async def test_a_slow_restart_does_not_hold_up_anothers(autojump_clock: MockClock) -> None:
    stage = Stage()
    async with running(
        Supervisor("root", [stage.spec("slow", start_delay=50), stage.spec("b")])
    ) as tree:
        stage.crash("slow")
        await trio.sleep(1)
        stage.crash("b")
        await settle()
        assert states(tree) == {"slow": "restarting", "b": "running"}


async def test_stopping_interrupts_a_slow_restart(autojump_clock: MockClock) -> None:
    stage = Stage()
    async with running(Supervisor("root", [stage.spec("slow", start_delay=50)])) as tree:
        stage.crash("slow")
        await trio.sleep(1)
    assert trio.current_time() == pytest.approx(51)
    assert states(tree) == {"slow": "stopped"}


def nest(stage: Stage, *, max_restarts: int) -> Callable[[], Supervisor]:
    return lambda: Supervisor("nested", [stage.spec("x")], max_restarts=max_restarts)


async def test_a_nested_supervisor_that_gives_up_is_restarted_as_a_child(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    spec = ChildSpec(name="n", factory=nest(stage, max_restarts=1))
    async with running(Supervisor("root", [spec], max_restarts=1)) as tree:
        for _ in range(2):
            stage.crash("x")
            await settle()
        assert states(tree) == {"n": "running"}
        assert node(tree, "n").restarts == 1
        assert (node(tree, "n").last_error or "").startswith("IntensityExceeded: root/n gave up")


async def test_intensities_multiply_through_the_levels(autojump_clock: MockClock) -> None:
    stage = Stage()
    spec = ChildSpec(name="n", factory=nest(stage, max_restarts=1))
    with pytest.RaisesGroup(IntensityExceeded):
        async with running(Supervisor("root", [spec], max_restarts=1)):
            for _ in range(4):
                stage.crash("x")
                await settle()
            await trio.sleep_forever()
    assert stage.made == 4


async def test_a_nested_supervisor_that_gives_up_is_quarantined(autojump_clock: MockClock) -> None:
    stage = Stage()
    box: Mailbox[object] = Mailbox("n")
    spec = ChildSpec(
        name="n", factory=nest(stage, max_restarts=0), quarantine=True, mailboxes=(box,)
    )
    async with running(Supervisor("root", [spec, stage.spec("b")], max_restarts=0)) as tree:
        stage.crash("x")
        await settle()
        assert states(tree) == {"n": "quarantined", "b": "running"}
        assert "x broke" in (node(tree, "n").last_error or "")
        with pytest.raises(ServiceStopped, match="it is quarantined"):
            await box.tell("anyone there?")
        # And it can be revived, with its allowance back.
        await tree.restart("n")
        assert states(tree) == {"n": "running", "b": "running"}


async def test_a_quarantined_dynamic_child_stays_until_it_is_removed(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    async with running(Supervisor("root", max_restarts=0)) as tree:
        await tree.add(
            ChildSpec(
                name="n",
                factory=nest(stage, max_restarts=0),
                quarantine=True,
                restart=Restart.TRANSIENT,
            )
        )
        stage.crash("x")
        await settle()
        assert states(tree) == {"n": "quarantined"}
        await tree.remove("n")
        assert tree.names() == ()


async def test_a_plain_child_is_quarantined_past_its_own_allowance(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    specs = [stage.spec("a", quarantine=True), stage.spec("b")]
    async with running(Supervisor("root", specs, max_restarts=1)) as tree:
        stage.crash("a")
        await settle()
        stage.crash("b")  # the supervisor's allowance is untouched
        await settle()
        assert states(tree) == {"a": "running", "b": "running"}
        stage.crash("a")
        await settle()
        assert states(tree) == {"a": "quarantined", "b": "running"}


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


class Poke(Request[str]):
    pass


async def test_a_mailbox_outlives_its_service(autojump_clock: MockClock) -> None:
    box: Mailbox[Poke] = Mailbox("frail")
    bad = True

    class Frail(Worker):
        async def work(self, task_status: trio.TaskStatus[None]) -> None:
            with box.open() as inbox:
                task_status.started()
                async for letter in inbox:
                    with letter.handling():
                        nonlocal bad
                        if bad:
                            bad = False
                            await trio.sleep(1)
                            raise ValueError("ouch")
                        letter.reply("well")

    got: list[object] = []

    async def ask() -> None:
        try:
            got.append(await box.ask(Poke()))
        except ServiceCrashed as crashed:
            got.append(str(crashed.cause))

    spec = ChildSpec(name="frail", factory=Frail, mailboxes=(box,))
    async with running(Supervisor("root", [spec])), trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.sleep(0.5)
        nursery.start_soon(ask)  # queued behind the one that crashes it
    assert got == ["ouch", "well"]


async def test_a_thousand_restarts_leak_nothing(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "supervisors")  # or pytest keeps every traceback
    stage = Stage()
    tree = Supervisor("root", [stage.spec("a"), stage.spec("b", "a")], period=1, max_restarts=3)

    async def storm(count: int) -> tuple[int, int, int]:
        for _ in range(count):
            stage.crash("a")
            await trio.sleep(2)
        gc.collect()
        objects = gc.get_objects()
        return (
            trio.lowlevel.current_statistics().tasks_living,
            sum(isinstance(one, Incarnation) for one in objects),
            sum(isinstance(one, Player) for one in objects),
        )

    async with running(tree):
        first = await storm(10)
        assert await storm(1000) == first
        assert node(tree, "a").restarts == 1010
