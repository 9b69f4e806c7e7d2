from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from supervisors import BadTree, ChildSpec, Worker
from supervisors.order import Graph, check, dependents, start_order, stop_order, walk


def spec(name: str, *depends_on: str) -> ChildSpec:
    return ChildSpec(name=name, factory=Never, depends_on=depends_on)


class Never(Worker):
    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        raise AssertionError


DIAMOND = (spec("top", "left", "right"), spec("left", "base"), spec("right", "base"), spec("base"))


@pytest.mark.parametrize(
    ("specs", "text"),
    [
        ([spec("a"), spec("a")], "two children are called a"),
        ([spec("a", "b")], "a depends on b, which is not there"),
        ([spec("a", "b"), spec("b", "a")], "a cycle of dependencies"),
    ],
)
def test_a_bad_tree_is_refused(specs: list[ChildSpec], text: str) -> None:
    with pytest.raises(BadTree, match=text):
        check(specs)


def test_a_diamond_is_a_good_tree() -> None:
    check(DIAMOND)


def test_dependents_are_transitive_and_not_list_neighbours() -> None:
    specs = (*DIAMOND, spec("stranger"))
    assert dependents("base", specs) == {"left", "right", "top"}
    assert dependents("left", specs) == {"top"}
    assert dependents("top", specs) == set()


async def trace(graph: Graph, barred: str = "") -> list[str]:
    seen: list[str] = []

    async def visit(name: str) -> bool:
        await trio.sleep(1)
        seen.append(name)
        return name != barred

    await walk(graph, visit)
    return seen


async def test_a_walk_visits_each_after_those_before_it(autojump_clock: MockClock) -> None:
    seen = await trace(start_order(DIAMOND))
    assert (seen[0], set(seen[1:3]), seen[3]) == ("base", {"left", "right"}, "top")
    # The two in the middle took their second together.
    assert trio.current_time() == pytest.approx(3)


async def test_stopping_walks_the_other_way(autojump_clock: MockClock) -> None:
    seen = await trace(stop_order(DIAMOND))
    assert (seen[0], set(seen[1:3]), seen[3]) == ("top", {"left", "right"}, "base")


async def test_a_failed_visit_bars_what_comes_after_it(autojump_clock: MockClock) -> None:
    assert set(await trace(start_order(DIAMOND), barred="left")) == {"base", "left", "right"}


def test_dependencies_outside_the_group_do_not_count() -> None:
    assert start_order(DIAMOND[:2]) == {"top": ["left"], "left": []}
