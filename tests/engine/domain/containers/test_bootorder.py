from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import trio
from trio.testing import MockClock

from engine.domain.containers.bootorder import JOINED_SECONDS, LINKED_SECONDS, BootOrder
from engine.domain.containers.records import Status
from tests.engine.domain.containers.rooms import Machine, living, statuses
from tests.engine.domain.containers.test_dependencies import record
from tests.engine.domain.containers.test_shutdown import stop


async def waited(order: BootOrder, of: Any) -> float:
    begun = trio.current_time()
    await order.turn(of)
    return trio.current_time() - begun


async def test_turn_comes_when_all_that_are_needed_are_done(autojump_clock: MockClock) -> None:
    web, database = record("web", links=("db",)), record("db")
    order = BootOrder([web, database])
    assert await waited(order, database) == 0

    async def start() -> None:
        await trio.sleep(2)
        order.done("db")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(start)
        assert await waited(order, web) == 2
    assert await waited(order, web) == 0


async def test_nobody_waits_for_ever_nor_for_himself(autojump_clock: MockClock) -> None:
    linked, joined = record("one", links=("two",)), record("three", network="container:two")
    order = BootOrder([linked, joined, record("two", links=("one",))])
    assert await waited(order, joined) == JOINED_SECONDS
    both = [
        await waited(order, linked),
        await waited(order, cast(Any, SimpleNamespace(**vars(record("two", links=("one",)))))),
    ]
    assert sorted(both) == [0, LINKED_SECONDS]


async def test_daemon_starts_a_namespaces_owner_before_who_joins_it(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    machine = Machine(tmp_path)
    async with living(machine) as daemon:
        first = await daemon.run("zdb", restart="always")
        for n in range(3):
            await daemon.run(f"aweb{n}", restart="always", network_mode=f"container:{first.id}")
        await stop(daemon)
    async with living(machine) as daemon:
        with trio.fail_after(30):
            while set(statuses(daemon).values()) != {Status.RUNNING}:  # noqa: ASYNC110
                await trio.sleep(0.1)
        started = {c.record.name: c.record.state.started_ns for c in daemon.room.registry}
        assert min(started, key=lambda name: started[name]) == "zdb"
        assert all(c.record.state.error == "" for c in daemon.room.registry)
    machine.close()
