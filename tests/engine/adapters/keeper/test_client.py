from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import trio

from engine.adapters.keeper import FifoKeeper, KeeperService
from supervisors import ChildSpec, Supervisor
from tests.engine.adapters.keeper.test_program import has_reader


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(10):
        while not condition():  # noqa: ASYNC110 - another process changes it
            await trio.sleep(0.01)


async def test_a_keeper_that_dies_is_replaced_and_told_again_what_to_hold(tmp_path: Path) -> None:
    fifo = tmp_path / "stdout"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    fds = [reader]
    held = FifoKeeper(tmp_path / "keeper.sock")
    service = KeeperService(held)
    root = Supervisor("root", [ChildSpec(name="keeper", factory=lambda: service)])
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: root.run(task_status=task_status))
        held.keep("one", lambda: fds)
        for _ in range(2):
            await until(lambda: len(holders(fifo)) == 2)
            [keeper] = holders(fifo) - {os.getpid()}
            os.kill(keeper, signal.SIGKILL)
            await until(lambda gone=keeper: gone not in holders(fifo))
        await until(lambda: len(holders(fifo)) == 2)
        os.close(reader)
        fds.clear()
        assert has_reader(fifo)
        held.drop("one")
        await until(lambda: not has_reader(fifo))
        await root.stop()
    await until(lambda: not keepers(tmp_path))


def holders(fifo: Path) -> set[int]:
    """The pids of who has the FIFO open."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(link) == str(fifo):
                found.add(int(link.parts[2]))
        except OSError:
            continue
    return found


def keepers(root: Path) -> list[int]:
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(root).encode() in each.read_bytes():
                found.append(int(each.parts[2]))
        except OSError:
            continue
    return found
