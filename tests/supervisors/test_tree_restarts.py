"""Crashes: who is restarted, how often, and what happens when it is too often."""

from __future__ import annotations

import gc
import logging

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
