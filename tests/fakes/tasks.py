"""containerd's tasks in memory: processes that live until they are signalled.

They hold the far ends of their FIFOs as a shim does, so output and its end are real.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import trio

from engine.errors import Conflict, NotFound, SystemFailure
from engine.models.runtime import ContainerInfo, ExitInfo, Mount, RuncOptions, TaskInfo, TaskStatus

SIGKILL = 9
Step = Callable[[str], Awaitable[None]]


@dataclass
class Process:
    """A task's first process (`id` is the container's) or an exec."""

    container_id: str
    id: str
    pid: int
    spec: bytes = b""
    status: TaskStatus = "created"
    exit_status: int = 0
    exited_at_ns: int = 0
    stdin: str = ""
    stdout: str = ""
    stderr: str = ""
    terminal: bool = False
    signals: list[int] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    stdin_closed: bool = False
    ended: trio.Event = field(default_factory=trio.Event)
    ends: dict[str, int] = field(default_factory=dict)

    def open_ends(self) -> None:
        for name, path in (("stdout", self.stdout), ("stderr", self.stderr)):
            if path:
                self.ends[name] = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        if self.stdin:
            self.ends["stdin"] = os.open(self.stdin, os.O_RDONLY | os.O_NONBLOCK)

    def close_ends(self) -> None:
        while self.ends:
            os.close(self.ends.popitem()[1])

    def end(self, code: int) -> None:
        self.status, self.exit_status = "stopped", code
        self.exited_at_ns = time.time_ns()
        self.close_ends()
        self.ended.set()

    def info(self) -> TaskInfo:
        names = TaskInfo.__struct_fields__
        return TaskInfo(**{name: getattr(self, name) for name in names})

    def exit_info(self) -> ExitInfo:
        return ExitInfo(self.pid, self.exit_status, self.exited_at_ns)


class FakeTasks:
    """`deaf` are the signals that processes do not die of, `immortal` the containers that die of none."""

    def __init__(
        self,
        step: Step,
        record: Callable[[str], ContainerInfo],
        exit: Callable[[Process, int], None],
    ) -> None:
        self._step = step
        self._record = record
        self._exit = exit
        self.all: dict[tuple[str, str], Process] = {}
        self.deaf: set[int] = set()
        self.immortal: set[str] = set()
        self.resources: dict[str, Any] = {}
        self.options: dict[str, RuncOptions | None] = {}
        self.metrics: tuple[int, dict[str, Any]] = (2, {})
        self._next_pid = 1000

    async def create(
        self,
        container_id: str,
        *,
        rootfs: Sequence[Mount],
        stdin: str = "",
        stdout: str = "",
        stderr: str = "",
        terminal: bool = False,
        options: RuncOptions | None = None,
    ) -> int:
        await self._step("tasks.create")
        record = self._record(container_id)
        if (container_id, "") in self.all:
            raise Conflict(f"task {container_id}: already exists")
        process = self._process(container_id, container_id, record.spec)
        process = replace(process, stdin=stdin, stdout=stdout, stderr=stderr, terminal=terminal)
        process.open_ends()
        self.all[container_id, ""] = process
        self.options[container_id] = options
        return process.pid

    async def start(self, container_id: str, exec_id: str = "") -> int:
        await self._step("tasks.start")
        process = self._get(container_id, exec_id)
        if process.status != "created":
            raise SystemFailure("cannot start a process that is not created")
        process.status = "running"
        return process.pid

    async def exec(
        self,
        container_id: str,
        exec_id: str,
        *,
        spec: bytes,
        stdin: str = "",
        stdout: str = "",
        stderr: str = "",
        terminal: bool = False,
    ) -> None:
        await self._step("tasks.exec")
        self._get(container_id)
        if (container_id, exec_id) in self.all:
            raise Conflict(f"id {exec_id}: already exists")
        process = self._process(container_id, exec_id, spec)
        process = replace(process, stdin=stdin, stdout=stdout, stderr=stderr, terminal=terminal)
        process.open_ends()
        self.all[container_id, exec_id] = process

    async def kill(
        self, container_id: str, signal: int, *, exec_id: str = "", all: bool = False
    ) -> None:
        await self._step("tasks.kill")
        process = self._get(container_id, exec_id)
        if process.status == "stopped":
            raise NotFound("process already finished: not found")
        process.signals.append(signal)
        if container_id in self.immortal:
            return
        if signal == SIGKILL or signal not in self.deaf:
            if process.status == "paused":
                process.pending.append(signal)
            else:
                self._exit(process, 128 + signal)

    async def get(self, container_id: str, exec_id: str = "") -> TaskInfo:
        await self._step("tasks.get")
        return self._get(container_id, exec_id).info()

    async def list(self) -> list[TaskInfo]:
        await self._step("tasks.list")
        return [process.info() for (_, exec_id), process in self.all.items() if not exec_id]

    async def wait(self, container_id: str, exec_id: str = "") -> ExitInfo:
        await self._step("tasks.wait")
        process = self._get(container_id, exec_id)
        await process.ended.wait()
        return process.exit_info()

    async def delete(self, container_id: str) -> ExitInfo:
        await self._step("tasks.delete")
        process = self._get(container_id)
        if process.status not in ("stopped", "created"):
            raise Conflict("cannot delete a running process: failed precondition")
        for each in [key for key in self.all if key[0] == container_id]:
            self.all.pop(each).close_ends()
        return process.exit_info()

    async def delete_process(self, container_id: str, exec_id: str) -> ExitInfo:
        await self._step("tasks.delete_process")
        process = self._get(container_id, exec_id)
        if process.status not in ("stopped", "created"):
            raise Conflict("cannot delete a running process: failed precondition")
        self.all.pop((container_id, exec_id)).close_ends()
        return process.exit_info()

    async def resize_pty(self, container_id: str, exec_id: str, width: int, height: int) -> None:
        await self._step("tasks.resize_pty")
        self._get(container_id, exec_id).size = (width, height)

    async def close_io(self, container_id: str, exec_id: str = "") -> None:
        await self._step("tasks.close_io")
        self._get(container_id, exec_id).stdin_closed = True

    async def pause(self, container_id: str) -> None:
        await self._step("tasks.pause")
        self._alive(container_id).status = "paused"

    async def resume(self, container_id: str) -> None:
        await self._step("tasks.resume")
        process = self._alive(container_id)
        process.status = "running"
        if process.pending:
            self._exit(process, 128 + process.pending.pop(0))

    async def pids(self, container_id: str) -> list[int]:
        await self._step("tasks.pids")
        self._get(container_id)
        found = [each for key, each in self.all.items() if key[0] == container_id]
        return [each.pid for each in found if each.status in ("running", "paused", "created")]

    async def update(self, container_id: str, resources_json: bytes) -> None:
        await self._step("tasks.update")
        self._alive(container_id)
        self.resources[container_id] = msgspec.json.decode(resources_json)

    async def checkpoint(
        self, container_id: str, *, image_path: str = "", exit: bool = False
    ) -> Sequence[object]:
        await self._step("tasks.checkpoint")
        process = self._alive(container_id)
        with open(f"{image_path}/inventory.img", "wb") as file:  # noqa: ASYNC230  a few bytes
            file.write(b"dumped")
        if exit:
            self._exit(process, 137)
        return ()

    async def usage(self, container_id: str) -> tuple[int, dict[str, Any]]:
        await self._step("tasks.usage")
        self._alive(container_id)
        return self.metrics

    def process(self, container_id: str, exec_id: str = "") -> Process:
        return self._get(container_id, exec_id)

    def _process(self, container_id: str, id: str, spec: bytes) -> Process:
        self._next_pid += 1
        return Process(container_id, id, self._next_pid, spec)

    def _get(self, container_id: str, exec_id: str = "") -> Process:
        if (container_id, exec_id) not in self.all:
            raise NotFound(f"task {exec_id or container_id} not found: not found")
        return self.all[container_id, exec_id]

    def _alive(self, container_id: str) -> Process:
        process = self._get(container_id)
        if process.status not in ("running", "paused"):
            raise NotFound("process already finished: not found")
        return process
