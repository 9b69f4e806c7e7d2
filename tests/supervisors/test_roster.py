from __future__ import annotations

import pytest

from supervisors import Mailbox, ServiceStopped, Strategy, UnknownChild
from supervisors.intensity import Intensity
from supervisors.roster import OnChange, Roster
from tests.supervisors.fakes import Stage


def roster(strategy: Strategy = Strategy.ONE_FOR_ONE, on_change: OnChange | None = None) -> Roster:
    return Roster("root", strategy, Intensity(3, 300), on_change)


def test_needs_follow_who_comes_and_goes() -> None:
    books, stage = roster(), Stage()
    books.enlist(stage.spec("a"), dynamic=False)
    user = books.enlist(stage.spec("b", "a"), dynamic=True)
    assert books.needs("a")
    books.drop(user)
    books.drop(user)
    assert not books.needs("a")
    with pytest.raises(UnknownChild):
        books.get("b")


def test_a_doomed_child_is_not_held_and_not_wanted() -> None:
    books = roster()
    child = books.enlist(Stage().spec("a"), dynamic=False)
    books.set(child, "running")
    assert (books.holds(child), child.wanted) == (True, True)
    child.doomed = True
    assert (books.holds(child), child.wanted) == (False, False)


def test_a_state_is_told_once() -> None:
    told: list[str] = []
    books = roster(on_change=lambda path, state, error: told.append(f"{path} {state}"))
    child = books.enlist(Stage().spec("a"), dynamic=False)
    books.set(child, "starting")
    books.set(child, "starting")
    assert told == ["root/a starting"]


def test_only_a_child_that_may_be_quarantined_has_its_own_allowance() -> None:
    books = roster()
    assert books.enlist(Stage().spec("a"), dynamic=False).intensity is books.intensity
    own = books.enlist(Stage().spec("q", quarantine=True), dynamic=False).intensity
    assert own is not books.intensity
    assert (own.limit, own.period) == (3, 300)


async def test_the_mail_of_a_retired_child_is_refused() -> None:
    box: Mailbox[str] = Mailbox("a")
    books = roster()
    books.retire(books.enlist(Stage().spec("a", mailboxes=(box,)), dynamic=False), "failed")
    with pytest.raises(ServiceStopped, match="it is failed"):
        await box.tell("hello")


@pytest.mark.parametrize(
    ("strategy", "names"),
    [
        (Strategy.ONE_FOR_ONE, {"a"}),
        (Strategy.REST_FOR_ONE, {"a", "b"}),
        (Strategy.ONE_FOR_ALL, {"a", "b", "c"}),
    ],
)
def test_a_group_is_made_by_the_strategy_of_those_wanted(
    strategy: Strategy, names: set[str]
) -> None:
    books, stage = roster(strategy), Stage()
    specs = [stage.spec("a"), stage.spec("b", "a"), stage.spec("c"), stage.spec("d", "b")]
    for spec in specs:
        books.set(books.enlist(spec, dynamic=False), "running")
    # One that was added and waits for "a" starts by itself.
    books.set(books.enlist(stage.spec("new", "a"), dynamic=True), "starting")
    books.set(books.get("d"), "quarantined")
    books.set(books.get("a"), "failed")  # it is taken whatever it is in
    assert books.group(books.get("a")).keys() == names
