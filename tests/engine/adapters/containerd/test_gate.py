from __future__ import annotations

import trio
import trio.testing

from engine.adapters.containerd.gate import Gate


async def test_closed_gate_lets_waiters_through_when_it_is_set() -> None:
    gate = Gate()
    passed = []

    async def waiter() -> None:
        await gate.wait()
        passed.append(gate.is_set())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(waiter)
        nursery.start_soon(waiter)
        await trio.testing.wait_all_tasks_blocked()
        gate.set()
    assert passed == [True, True]


async def test_waiters_pass_although_the_gate_closes_at_once() -> None:
    gate = Gate()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(gate.wait)
        await trio.testing.wait_all_tasks_blocked()
        gate.set()
        gate.clear()
    assert not gate.is_set()


async def test_open_gate_does_not_block(autojump_clock: trio.testing.MockClock) -> None:
    with trio.fail_after(1):
        await Gate(is_open=True).wait()
