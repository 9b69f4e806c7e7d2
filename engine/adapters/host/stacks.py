"""The tasks of the daemon with their stacks, as text: what SIGUSR1 and SIGQUIT show."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Iterable
from pathlib import Path

import trio

INDENT = "  "


def task_tree() -> str:
    """Every trio task under its nursery, with its stack from the outermost frame to where it waits.

    To be asked in the loop. Then the other threads' stacks.
    """
    root = trio.lowlevel.current_root_task()
    lines: list[str] = []
    if root is not None:
        lines += _task(root, 0)
    return "\n".join([*lines, *_threads()]) + "\n"


def _task(task: trio.lowlevel.Task, depth: int) -> Iterable[str]:
    lead = INDENT * depth
    yield f"{lead}task {task.name}"
    for frame, line in task.iter_await_frames():
        code = frame.f_code
        yield f"{lead}{INDENT}{code.co_qualname} {code.co_filename}:{line}"
    for nursery in task.child_nurseries:
        yield f"{lead}{INDENT}nursery"
        for child in tuple(nursery.child_tasks):
            yield from _task(child, depth + 2)


def _threads() -> Iterable[str]:
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in sys._current_frames().items():
        if ident == threading.get_ident():
            continue
        yield f"thread {names.get(ident, ident)}"
        for entry in traceback.extract_stack(frame):
            yield f"{INDENT}{entry.name} {entry.filename}:{entry.lineno}"


def write_stacks(directory: Path, text: str) -> Path:
    """Into a file named as dockerd names its own; blocks."""
    stamp = time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime())
    path = directory / f"goroutine-stacks-{stamp}.log"
    path.write_text(text)
    path.chmod(0o600)
    return path
