"""A daemon that announces events when it is told to, and says how long each took: the product's own journal, called in its loop.

Run as `python -m tests.harness.announcing` with the daemon's arguments. `TRIMARAN_ANNOUNCE` names the unix
socket: a JSON line `{"count": N, "parallel": P, "pause": S}` in, the seconds that each event took out, without
the waits for a processor, which on a shared machine others decide.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import trio

import engine.__main__ as entry
from tests.harness.daemon import Daemon

Product = entry.Engine


class AnnouncingEngine(Product):
    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.take_orders)
            await super().run(task_status=task_status)
            nursery.cancel_scope.cancel()

    async def take_orders(self) -> None:
        path = os.environ["TRIMARAN_ANNOUNCE"]
        Path(path).unlink(missing_ok=True)  # noqa: ASYNC240 (a harness may)
        listener = trio.socket.socket(socket.AF_UNIX)
        await listener.bind(path)
        listener.listen()
        await trio.serve_listeners(self.obey, [trio.SocketListener(listener)])

    async def obey(self, stream: trio.SocketStream) -> None:
        try:
            order = json.loads(await stream.receive_some(65536))
            times = await self.announce(**order)
            await stream.send_all(json.dumps(times).encode() + b"\n")
        except trio.BrokenResourceError:
            return
        finally:
            await trio.aclose_forcefully(stream)

    async def announce(self, count: int, parallel: int = 1, pause: float = 0.0) -> list[float]:
        times: list[float] = []
        numbers = iter(range(count))

        async def work() -> None:
            for number in numbers:
                waited, began = waiting(), time.perf_counter()
                await self.journal.emit("daemon", "tick", "", {"n": str(number)})
                took = time.perf_counter() - began
                times.append(max(0.0, took - (waiting() - waited)))
                await trio.sleep(pause)

        async with trio.open_nursery() as nursery:
            for _ in range(parallel):
                nursery.start_soon(work)
        return times


def waiting() -> float:
    """How long this process's threads have waited for a processor, in seconds: that is others' doing."""
    total = 0
    for thread in Path("/proc/self/task").iterdir():
        with suppress(OSError):
            total += int((thread / "schedstat").read_text().split()[1])
    return total / 1e9


class AnnouncingDaemon(Daemon):
    """The test's side."""

    module = "tests.harness.announcing"

    def start(self, *extra: str, environment: dict[str, str] | None = None) -> None:
        told = {"TRIMARAN_ANNOUNCE": str(self.root / "announce.sock")}
        super().start(*extra, environment={**told, **(environment or {})})

    def announce(self, **order: Any) -> list[float]:
        """How long each event took, in seconds; empty when the daemon ended in between."""
        with self.announcing(**order) as answer:
            return answer()

    @contextmanager
    def announcing(self, **order: Any) -> Iterator[Any]:
        """Begin; calling the answer waits for the end."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(300)
            sock.connect(str(self.root / "announce.sock"))
            sock.sendall(json.dumps(order).encode())

            def answer() -> list[float]:
                with sock.makefile("r") as lines:
                    try:
                        return list(json.loads(lines.readline() or "[]"))
                    except ConnectionError:
                        return []

            yield answer


def main() -> int:
    entry.Engine = AnnouncingEngine  # type: ignore[misc]
    return entry.main()


if __name__ == "__main__":
    sys.exit(main())
