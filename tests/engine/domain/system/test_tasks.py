from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from engine.domain.system import tasks
from engine.domain.system.tasks import Ages, TaskReport, report


async def waits_for_ever() -> None:
    await trio.sleep_forever()


async def parent() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(waits_for_ever, name="a child")


def found(tree: TaskReport, name: str) -> TaskReport:
    todo = [tree]
    while todo:
        each = todo.pop()
        if each.name == name:
            return each
        todo += each.children
    raise AssertionError(name)


async def test_tree_has_names_places_and_ages() -> None:
    ages = Ages()
    root = trio.lowlevel.current_root_task()
    assert root is not None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(waits_for_ever, name="before")
        trio.lowlevel.add_instrument(ages)
        nursery.start_soon(parent, name="a parent")
        await wait_all_tasks_blocked(0.02)
        tree, count = await report(root, ages)
        trio.lowlevel.remove_instrument(ages)
        nursery.cancel_scope.cancel()
    above = found(tree, "a parent")
    (child,) = above.children
    assert child.name == "a child"
    assert child.at.startswith("test_tasks.py:")
    assert child.at.endswith(" waits_for_ever")
    assert child.age is not None
    assert 0.01 < child.age < 60
    assert found(tree, "before").age is None
    assert count >= 5


async def test_more_than_can_be_told_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "MOST", 10)
    root = trio.lowlevel.current_root_task()
    assert root is not None
    async with trio.open_nursery() as nursery:
        for _ in range(500):
            nursery.start_soon(waits_for_ever)
        await wait_all_tasks_blocked()
        tree, count = await report(root, Ages())
        nursery.cancel_scope.cancel()

    def told(each: TaskReport) -> int:
        return 1 + sum(told(child) for child in each.children)

    assert count > 500
    assert told(tree) <= 10
