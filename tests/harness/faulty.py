"""A daemon that can be told to fail: the engine's own entry, with an exception thrown into the nth await of a service.

Run as `python -m tests.harness.faulty` with the daemon's arguments. `TRIMARAN_FAULTS` names the unix
socket over which a test asks for faults and measurements, one JSON line each way. The product knows
nothing of it: tasks are told apart by the names that the supervisors give them. Restarts are not
limited here, since hundreds of faults within minutes are the purpose, unless TRIMARAN_LIMITS is set.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import outcome
import trio

import engine.__main__ as entry
from supervisors import ChildSpec, Inbox, frost
from supervisors.intensity import Intensity
from tests.harness.holds import Holds

# What has been acquired when these resume would be lost by an exception that no code of ours could
# raise there: trio's primitives either acquire or raise.
PRIMITIVES = {
    "Nursery._nested_child_finished",
    "Lock.acquire",
    "_LockImpl.acquire",
    "CapacityLimiter.acquire_on_behalf_of",
    "aclose_forcefully",
}
ENTRY_OF_API = "root/api"


class Injected(Exception):
    """The fault. A type that no product code can know."""


class Plan:
    """One fault to come: the nth await that resumes from now on, of the services whose path `pattern` matches."""

    def __init__(self, pattern: str, n: int) -> None:
        self.pattern = re.compile(pattern)
        self.n = n
        self.steps = 0
        self.where: list[str] | None = None
        self.fresh: set[trio.lowlevel.Task] = set()


class Faults(trio.abc.Instrument):
    """Counts the awaits of services, and fails the one that is asked for."""

    def __init__(self) -> None:
        self.plan: Plan | None = None
        self.counts: Counter[str] | None = None

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        if self.plan is not None:
            self.plan.fresh.add(task)

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        plan, counts = self.plan, self.counts
        if (plan is None or plan.where is not None) and counts is None:
            return
        path = service_of(task)
        if not path:
            return
        if counts is not None and counts_as_await(task):
            counts[path] += 1
        if plan is None or plan.where is not None or not plan.pattern.fullmatch(path):
            return
        # Of the API only what began with the request: its older tasks serve bystanders.
        if (path == ENTRY_OF_API and task not in plan.fresh) or not counts_as_await(task):
            return
        plan.steps += 1
        if plan.steps == plan.n:
            plan.where = place(task)
            text = f"injected at await {plan.n} of {path}"
            task._next_send_fn = task.coro.send
            task._next_send = outcome.Error(Injected(text))


def service_of(task: trio.lowlevel.Task | None) -> str:
    """The path of the service that the task belongs to, however deep in its nurseries."""
    while task is not None:
        if task.name.startswith("root"):
            return task.name
        nursery = task.parent_nursery
        task = nursery.parent_task if nursery is not None else None
    return ""


def counts_as_await(task: trio.lowlevel.Task) -> bool:
    if not task.coro.cr_suspended:
        return False  # it is about to take its first step
    frames = task.iter_await_frames()
    return not any(frame.f_code.co_qualname in PRIMITIVES for frame, _ in frames)


def place(task: trio.lowlevel.Task) -> list[str]:
    return [
        f"{Path(frame.f_code.co_filename).name}:{line} {frame.f_code.co_qualname}"
        for frame, line in task.iter_await_frames()
    ]


class Frost:
    """Freezes the service that reads a mailbox: it takes one more letter, and then no more."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def settle_in(self, patience: float) -> None:
        """How long the product waits for who is frozen."""
        following, names = Inbox.__anext__, self.names
        frozen: list[Inbox[Any]] = []
        frost.LOOK_EVERY = patience / 6
        (ChildSpec.__init__.__kwdefaults__ or {})["patience"] = patience

        async def __anext__(inbox: Inbox[Any]) -> Any:
            if inbox._mailbox.name in names:
                names.remove(inbox._mailbox.name)
                frozen.append(inbox)
            if inbox in frozen:
                await trio.sleep_forever()
            return await following(inbox)

        Inbox.__anext__ = __anext__  # type: ignore[method-assign,assignment]


class Control:
    """Serves the socket from a plain thread, so that it answers whatever the loop does."""

    def __init__(self, path: str, faults: Faults, holds: Holds, frozen: Frost) -> None:
        self._frozen = frozen
        self._faults = faults
        self._holds = holds
        self._listener = socket.socket(socket.AF_UNIX)
        Path(path).unlink(missing_ok=True)
        self._listener.bind(path)
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection, connection.makefile("rw") as lines:
                answer = self._answer(json.loads(lines.readline()))
                lines.write(json.dumps(answer) + "\n")
                lines.flush()

    def _answer(self, asked: dict[str, Any]) -> Any:
        faults, holds = self._faults, self._holds
        match asked.pop("do"):
            case "arm":
                faults.plan = Plan(**asked)
            case "disarm":
                plan, faults.plan = faults.plan, None
                return plan and {"where": plan.where, "steps": plan.steps}
            case "count":
                faults.counts = Counter()
            case "counted":
                counts, faults.counts = faults.counts, None
                return counts
            case "freeze":
                self._frozen.names.add(asked["mailbox"])
            case "measure":
                holds.measure(**asked)
            case "measured":
                return holds.measured()
        return None


def main() -> int:
    faults, holds, frozen = Faults(), Holds(), Frost()
    if patience := os.environ.get("TRIMARAN_PATIENCE"):
        frozen.settle_in(float(patience))
    if not os.environ.get("TRIMARAN_LIMITS"):
        Intensity.allows = lambda self, now: True  # type: ignore[method-assign]
    Control(os.environ["TRIMARAN_FAULTS"], faults, holds, frozen)
    product = entry.run

    async def run(*arguments: Any) -> int:
        trio.lowlevel.add_instrument(faults)
        trio.lowlevel.add_instrument(holds)
        return await product(*arguments)

    entry.run = run
    return entry.main()


if __name__ == "__main__":
    sys.exit(main())
