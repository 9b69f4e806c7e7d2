"""What every task of the process is at: trio's nurseries as a tree, with ages and the place where each waits."""

from __future__ import annotations

import time
from pathlib import PurePath
from weakref import WeakKeyDictionary

import msgspec
import trio

MOST = 5000
"""Tasks that are told; a report of more would itself hold the loop."""

STRIDE = 200


class TaskReport(msgspec.Struct):
    """A task, where it waits (`module.py:LINE function`), and its children. `age` in seconds; null for those
    that were there before anybody counted."""

    name: str
    at: str
    age: float | None
    children: list[TaskReport] = []


class Ages(trio.abc.Instrument):
    """Remembers when each task began; costs a dictionary's entry for a task."""

    def __init__(self) -> None:
        self._began: WeakKeyDictionary[trio.lowlevel.Task, float] = WeakKeyDictionary()

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        self._began[task] = time.monotonic()

    def of(self, task: trio.lowlevel.Task) -> float | None:
        began = self._began.get(task)
        return None if began is None else round(time.monotonic() - began, 3)


async def report(root: trio.lowlevel.Task, ages: Ages) -> tuple[TaskReport, int]:
    """The tree under `root`, and how many tasks there are; beyond MOST they are only counted.

    Others get their turn in between, so it is not all of one moment.
    """
    top = TaskReport(root.name, place(root), ages.of(root))
    todo, count = [(root, top)], 1
    while todo:
        task, told = todo.pop()
        for nursery in task.child_nurseries:
            for child in nursery.child_tasks:
                count += 1
                entry = TaskReport(child.name, "", None)
                if count <= MOST:
                    entry = TaskReport(child.name, place(child), ages.of(child))
                    told.children.append(entry)
                todo.append((child, entry))
                if count % STRIDE == 0:
                    await trio.lowlevel.checkpoint()
    return top, count


def place(task: trio.lowlevel.Task) -> str:
    """The innermost frame that is not trio's own: what the task waits for, in our words."""
    found = ""
    for frame, line in task.iter_await_frames():
        module = frame.f_globals.get("__name__", "")
        if not found or not module.startswith("trio."):
            file = PurePath(frame.f_code.co_filename).name
            found = f"{file}:{line} {frame.f_code.co_qualname}"
    return found
