"""containerd as the containers room sees it, in memory, with what happens to it and by itself."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import trio

from engine.errors import EngineError, Unavailable
from engine.models.runtime import TaskExit, TaskOOM
from tests.fakes.runtime_stores import FakeContainers, FakeSnapshots
from tests.fakes.tasks import FakeTasks, Process


@dataclass(frozen=True)
class Event:
    payload: object


class Gate:
    """Holds a call up where it begins: the test goes on between `reached` and `open`."""

    def __init__(self) -> None:
        self.reached = trio.Event()
        self._opened = trio.Event()

    def open(self) -> None:
        self._opened.set()

    async def passed(self) -> None:
        self.reached.set()
        await self._opened.wait()


class FakeRuntime:
    """`failures` names calls that raise (`tasks.start`), once each unless they are in `lasting`;
    `away` makes every call Unavailable and ends the subscriptions."""

    def __init__(self, *layers: str) -> None:
        self.containers = FakeContainers(self.step)
        self.tasks = FakeTasks(self.step, self.containers.get, self._end)
        self.snapshots = FakeSnapshots(self.step, *layers)
        self.failures: dict[str, EngineError] = {}
        self.lasting: set[str] = set()
        self.gates: dict[str, Gate] = {}
        self.calls: list[str] = []
        self.subscriptions = 0
        self._away = False
        self._subscribers: set[trio.MemorySendChannel[Event]] = set()

    async def step(self, call: str) -> None:
        self.calls.append(call)
        await trio.lowlevel.checkpoint()
        if (gate := self.gates.pop(call, None)) is not None:
            await gate.passed()
        if self._away:
            raise Unavailable("containerd is not connected")
        if (failure := self.failures.get(call)) is not None:
            if call not in self.lasting:
                del self.failures[call]
            raise failure

    @property
    def away(self) -> bool:
        return self._away

    @away.setter
    def away(self, value: bool) -> None:
        self._away = value
        if value:
            for each in tuple(self._subscribers):
                each.close()

    @asynccontextmanager
    async def events(self, *filters: str) -> AsyncIterator[AsyncIterator[Event]]:
        await self.step("events")
        self.subscriptions += 1
        send, receive = trio.open_memory_channel[Event](1000)
        self._subscribers.add(send)
        try:
            async with aclosing(self._until_cut(receive)) as events:
                yield events
        finally:
            self._subscribers.discard(send)
            send.close()
            receive.close()

    async def _until_cut(
        self, receive: trio.MemoryReceiveChannel[Event]
    ) -> AsyncGenerator[Event, None]:
        async for event in receive:
            yield event
        raise Unavailable("containerd: the connection is lost")

    def hold(self, call: str) -> Gate:
        """The next such call waits at a gate."""
        self.gates[call] = Gate()
        return self.gates[call]

    # what happens by itself

    def exit(
        self, container_id: str, code: int = 0, *, exec_id: str = "", told: bool = True
    ) -> None:
        """The process ends. Without `told` the event is lost."""
        self._end(self.tasks.process(container_id, exec_id), code, told=told)

    def _end(self, process: Process, code: int, *, told: bool = True) -> None:
        process.end(code)
        if told:
            self.tell(
                TaskExit(process.container_id, process.id, process.pid, code, process.exited_at_ns)
            )

    def out_of_memory(self, container_id: str) -> None:
        self.tell(TaskOOM(container_id))

    def write(
        self, container_id: str, data: bytes, *, stream: str = "stdout", exec_id: str = ""
    ) -> None:
        """The process prints; what does not fit into the pipe is an error of the test."""
        end = self.tasks.process(container_id, exec_id).ends[stream]
        assert os.write(end, data) == len(data)

    def tell(self, payload: object) -> None:
        for each in self._subscribers:
            each.send_nowait(Event(payload))

    def close(self) -> None:
        for process in self.tasks.all.values():
            process.close_ends()
