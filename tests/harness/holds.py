"""How long single steps of tasks hold the loop, and what the loop was at when it was held."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

import trio

POLL = 0.004


class Holds(trio.abc.Instrument):
    """Measures while asked to.

    The time that a step waited for a processor is told apart (from schedstat): on a shared machine
    that is not the step's doing. `cpu` is what the thread itself computed.
    """

    def __init__(self) -> None:
        self._limit = 0.0
        self._on = False
        self._held: list[dict[str, Any]] = []
        self._steps = 0
        self._thread = 0
        self._schedstat = -1
        self._began = 0.0
        self._cpu = 0.0
        self._stat = b""
        self._stack: list[str] = []

    def measure(self, limit: float) -> None:
        """From now on, note the steps that take `limit` seconds."""
        self._limit, self._held, self._steps, self._on = limit, [], 0, True
        threading.Thread(target=self._watch, daemon=True).start()

    def measured(self) -> dict[str, Any]:
        self._on = False
        return {"steps": self._steps, "held": self._held}

    def before_run(self) -> None: ...

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if not self._on:
            return
        if self._schedstat < 0:
            self._thread = threading.get_ident()
            path = f"/proc/self/task/{threading.get_native_id()}/schedstat"
            self._schedstat = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._stack = []
        self._stat = os.pread(self._schedstat, 100, 0)
        self._cpu = time.thread_time()
        self._began = time.perf_counter()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        began, self._began = self._began, 0.0
        if not began:
            return
        self._steps += 1
        wall = time.perf_counter() - began
        if wall < self._limit:
            return
        waited = self._delay(os.pread(self._schedstat, 100, 0)) - self._delay(self._stat)
        if wall - waited >= self._limit:
            self._held.append(
                {
                    "held": round(wall - waited, 4),
                    "cpu": round(time.thread_time() - self._cpu, 4),
                    "wall": round(wall, 4),
                    "task": task.name,
                    "stack": self._stack,
                }
            )

    def _delay(self, stat: bytes) -> float:
        return int(stat.split()[1]) / 1e9

    def _watch(self) -> None:
        """Look at the loop's stack while a step takes long; later it would be gone."""
        while self._on:
            time.sleep(POLL)
            began = self._began
            if began and not self._stack and time.perf_counter() - began > self._limit / 2:
                frame = sys._current_frames().get(self._thread)
                stack = []
                while frame is not None and len(stack) < 12:
                    code = frame.f_code
                    name = os.path.basename(code.co_filename)
                    stack.append(f"{name}:{frame.f_lineno} {code.co_qualname}")
                    frame = frame.f_back
                if self._began == began:
                    self._stack = stack
