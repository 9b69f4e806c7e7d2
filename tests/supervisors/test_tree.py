"""The life of a supervisor: start, stop, cancellation, status. Restarts and changing members
have files of their own."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from supervisors import (
    BadTree,
    ChildSpec,
    Mailbox,
    ServiceStopped,
    StartTimeout,
    Strategy,
    Supervisor,
    UnexpectedEnd,
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


async def test_children_start_in_dependency_order_and_stop_in_reverse(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    specs = [stage.spec("api", "images"), stage.spec("images", "store"), stage.spec("store")]
    async with running(Supervisor("root", specs)):
        assert stage.diary.take() == ["+store", "+images", "+api"]
    assert stage.diary == ["-api", "-images", "-store"]


async def test_independent_children_start_together(autojump_clock: MockClock) -> None:
    stage = Stage()
    specs = [stage.spec(name, start_delay=2) for name in "abc"]
    async with running(Supervisor("root", specs)):
        assert trio.current_time() == pytest.approx(2)


async def test_it_has_started_only_when_all_children_have(autojump_clock: MockClock) -> None:
    stage = Stage()
    tree = Supervisor("root", [stage.spec("slow", start_delay=9)])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(nursery.start, tree.run)
        await trio.sleep(5)
        assert tree.status().state == "starting"
        assert states(tree) == {"slow": "starting"}
        await trio.sleep(5)
        assert tree.status().state == "running"
        await tree.stop()
    assert tree.status().state == "stopped"
    assert states(tree) == {"slow": "stopped"}


async def test_a_dependent_keeps_its_dependency_until_it_has_stopped(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    specs = [stage.spec("store"), stage.spec("api", "store", kind=Deaf, grace=4)]
    async with running(Supervisor("root", specs)):
        stage.diary.clear()
    assert stage.diary == ["?api", "!api", "-store"]
    assert trio.current_time() == pytest.approx(4)


async def test_deaf_child_is_cancelled_after_its_grace(autojump_clock: MockClock) -> None:
    stage = Stage()
    async with running(Supervisor("root", [stage.spec("d", kind=Deaf, grace=7)])) as tree:
        stage.diary.clear()
        await tree.stop()
        await trio.sleep(6)
        assert stage.diary == ["?d"]
        assert states(tree) == {"d": "stopping"}
        await trio.sleep(2)
        assert stage.diary == ["?d", "!d"]


async def test_a_child_that_fails_when_asked_is_cancelled_at_once(
    autojump_clock: MockClock,
) -> None:
    class Touchy(Player):
        async def stop(self) -> None:
            raise ValueError("leave me alone")

    stage = Stage()
    async with running(Supervisor("root", [stage.spec("t", kind=Touchy)])):
        stage.diary.clear()
    assert stage.diary == ["!t"]
    assert trio.current_time() == 0


async def test_a_failure_while_stopping_is_kept_and_spares_the_others(
    autojump_clock: MockClock,
) -> None:
    class SoreLoser(Player):
        async def stop(self) -> None:
            self.end(ValueError("not now"))

    stage = Stage()
    tree = Supervisor("root", [stage.spec("a"), stage.spec("b", "a", kind=SoreLoser)])
    async with running(tree):
        stage.diary.clear()
    assert stage.diary == ["-a"]
    assert node(tree, "b").last_error == "ValueError: not now"
    assert states(tree) == {"a": "stopped", "b": "stopped"}


async def test_cancelling_from_outside_stops_in_reverse_and_asks_each(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    specs = [stage.spec("a"), stage.spec("b", "a"), stage.spec("c", "b", kind=Deaf, grace=3)]
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            await nursery.start(Supervisor("root", specs).run)
            stage.diary.clear()
            scope.cancel()
    assert scope.cancelled_caught
    assert stage.diary == ["?c", "!c", "-b", "-a"]


async def test_cancelling_during_the_start_undoes_it(autojump_clock: MockClock) -> None:
    stage = Stage()
    specs = [stage.spec("a"), stage.spec("b", "a", start_delay=100), stage.spec("c", "b")]
    tree = Supervisor("root", specs)
    with trio.move_on_after(10):
        await tree.run()
    assert stage.diary == ["+a", "-a"]
    assert trio.current_time() == pytest.approx(10)
    assert states(tree) == {"a": "stopped", "b": "stopped", "c": "stopped"}


async def test_being_asked_to_stop_interrupts_the_start(autojump_clock: MockClock) -> None:
    stage = Stage()
    tree = Supervisor("root", [stage.spec("a"), stage.spec("b", "a", start_delay=100)])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tree.run)
        await trio.sleep(1)
        await tree.stop()
    assert stage.diary == ["+a", "-a"]
    assert trio.current_time() == pytest.approx(1)


async def test_a_start_that_fails_undoes_what_it_did(autojump_clock: MockClock) -> None:
    stage = Stage()
    bad = ChildSpec(name="bad", factory=lambda: Broken(OSError("no disk")), depends_on=("a",))
    slow = stage.spec("slow", start_delay=100)
    tree = Supervisor("root", [stage.spec("a"), bad, slow, stage.spec("never", "bad")])
    async with trio.open_nursery() as nursery:
        with pytest.raises(OSError, match="no disk") as caught:
            await nursery.start(tree.run)
    assert caught.value.__notes__ == ["while root/bad started"]
    assert stage.diary == ["+a", "-a"]
    assert trio.current_time() == 0
    assert tree.status().state == "failed"
    assert states(tree)["bad"] == "failed"
    assert node(tree, "bad").last_error == "OSError: no disk"


async def test_a_factory_that_fails_is_a_failed_start(autojump_clock: MockClock) -> None:
    def make() -> Player:
        raise LookupError("no recipe")

    with pytest.raises(LookupError):
        await Supervisor("root", [ChildSpec(name="x", factory=make)]).run()


async def test_a_child_that_does_not_start_in_time_fails(autojump_clock: MockClock) -> None:
    stage = Stage()
    tree = Supervisor("root", [stage.spec("x", start_delay=100, start_timeout=5)])
    with pytest.raises(StartTimeout, match="root/x did not start within 5 s"):
        await tree.run()
    assert trio.current_time() == pytest.approx(5)


async def test_a_child_without_a_start_limit_may_take_its_time(autojump_clock: MockClock) -> None:
    stage = Stage()
    async with running(Supervisor("r", [stage.spec("x", start_delay=1e6, start_timeout=None)])):
        assert stage.diary == ["+x"]


async def test_a_child_that_ends_before_it_has_started_fails(autojump_clock: MockClock) -> None:
    class Hasty(Player):
        async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
            await trio.lowlevel.checkpoint()

    stage = Stage()
    with pytest.raises(UnexpectedEnd):
        await Supervisor("root", [stage.spec("x", kind=Hasty)]).run()


async def test_a_nested_tree_starts_and_stops_in_its_place(autojump_clock: MockClock) -> None:
    stage = Stage()

    def make() -> Supervisor:
        return Supervisor("rooms", [stage.spec("in1"), stage.spec("in2", "in1")])

    specs = [
        stage.spec("store"),
        ChildSpec(name="rooms", factory=make, depends_on=("store",)),
        stage.spec("api", "rooms"),
    ]
    async with running(Supervisor("root", specs)) as tree:
        assert stage.diary.take() == ["+store", "+in1", "+in2", "+api"]
        nested = tree.child("rooms")
        assert isinstance(nested, Supervisor)
        assert nested.path == "root/rooms"
        assert [child.name for child in node(tree, "rooms").children] == ["in1", "in2"]
    assert stage.diary == ["-api", "-in2", "-in1", "-store"]


async def test_a_nested_tree_comes_down_in_order_though_its_grace_is_short(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()

    def make() -> Supervisor:
        return Supervisor("n", [stage.spec("a"), stage.spec("b", "a", kind=Deaf, grace=5)])

    async with running(Supervisor("root", [ChildSpec(name="n", factory=make, grace=1)])):
        stage.diary.clear()
    assert stage.diary == ["?b", "!b", "-a"]


async def test_a_supervisor_can_be_run_again(autojump_clock: MockClock) -> None:
    stage = Stage()
    tree = Supervisor("root", [stage.spec("a")])
    for _ in range(2):
        async with running(tree):
            await tree.add(stage.spec("extra"))
            assert stage.diary.take() == ["+a", "+extra"]
        assert set(stage.diary.take()) == {"-a", "-extra"}
        assert tree.names() == ("a",)


async def test_a_supervisor_runs_once_at_a_time(autojump_clock: MockClock) -> None:
    async with running(Supervisor("root")) as tree:
        with pytest.raises(RuntimeError, match="runs already"):
            await tree.run()


def test_a_bad_tree_is_refused_before_it_runs() -> None:
    with pytest.raises(BadTree):
        Supervisor("root", [Stage().spec("a", "nobody")])


async def test_the_status_tells_restarts_errors_and_mailboxes(autojump_clock: MockClock) -> None:
    stage = Stage()
    box: Mailbox[object] = Mailbox("a")
    async with running(Supervisor("root", [stage.spec("a", mailboxes=(box,))])) as tree:
        box.offer("mail")
        stage.crash("a")
        await settle()
        child = node(tree, "a")
        assert (child.state, child.restarts, child.last_error) == (
            "running",
            1,
            "ValueError: a broke",
        )
        assert child.mailboxes == (box.stats(),)
        assert child.since > 1e9
        root = tree.status()
        assert (root.restarts, root.last_error) == (1, "ValueError: a broke")


async def test_changes_are_told_with_the_path_through_all_levels(
    autojump_clock: MockClock,
) -> None:
    told: list[tuple[str, str, str]] = []

    def tell(path: str, state: str, error: BaseException | None) -> None:
        told.append((path, state, str(error or "")))

    stage = Stage()
    nested = ChildSpec(name="n", factory=lambda: Supervisor("n", [stage.spec("x")]))
    async with running(Supervisor("root", [nested], on_change=tell)):
        assert told == [
            ("root/n", "starting", ""),
            ("root/n/x", "starting", ""),
            ("root/n/x", "running", ""),
            ("root/n", "running", ""),
        ]
        told.clear()
        stage.crash("x")
        await settle()
        assert told == [("root/n/x", "restarting", "x broke"), ("root/n/x", "running", "")]
        told.clear()
    assert told == [
        ("root/n", "stopping", ""),
        ("root/n/x", "stopping", ""),
        ("root/n/x", "stopped", ""),
        ("root/n", "stopped", ""),
    ]


async def test_a_listener_that_fails_does_no_harm(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(path: str, state: str, error: BaseException | None) -> None:
        raise ValueError("deaf listener")

    async with running(Supervisor("root", [Stage().spec("a")], on_change=fail)) as tree:
        assert states(tree) == {"a": "running"}
    assert "deaf listener" in caplog.text


async def test_wait_running_waits_for_a_start_and_for_a_restart(autojump_clock: MockClock) -> None:
    stage = Stage()
    make = FailsToStart([], lambda: Player("a", stage.diary, start_delay=3))
    tree = Supervisor("root", [ChildSpec(name="a", factory=make)])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tree.run)
        await trio.sleep(1)
        await tree.wait_running("a")
        assert trio.current_time() == pytest.approx(3)
        with pytest.raises(UnknownChild):
            await tree.wait_running("b")
        await tree.stop()
        await settle()
        with pytest.raises(ServiceStopped):
            await tree.wait_running("a")


async def test_lookups_know_names_and_present_incarnations(autojump_clock: MockClock) -> None:
    stage = Stage()
    tree = Supervisor("root", [stage.spec("a"), stage.spec("b")], strategy=Strategy.ONE_FOR_ALL)
    assert tree.child("a") is None
    async with running(tree):
        assert tree.names() == ("a", "b")
        assert tree.child("a") is stage.players["a"]
        with pytest.raises(UnknownChild):
            tree.child("c")
