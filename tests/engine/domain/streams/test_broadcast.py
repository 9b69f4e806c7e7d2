"""The fan-out: everyone gets everything, the slow hold the container back, the gone don't."""

from __future__ import annotations

import trio
from trio.testing import wait_all_tasks_blocked

from engine.domain.streams.broadcast import PIECE, Fanout, Subscription


async def collect(subscription: Subscription) -> bytes:
    return b"".join([data async for _, data in subscription])


async def test_subscribers_get_their_streams_to_the_end() -> None:
    fanout = Fanout()
    both, errors = fanout.subscribe(), fanout.subscribe(stdout=False)
    fanout.offer("stdout", b"1")
    fanout.offer("stdout", b"2")
    fanout.offer("stderr", b"3")
    fanout.close()
    assert [each async for each in both] == [("stdout", b"12"), ("stderr", b"3")]
    assert [each async for each in errors] == [("stderr", b"3")]
    assert await collect(fanout.subscribe()) == b""


async def test_neighbours_are_joined_up_to_a_limit() -> None:
    fanout = Fanout()
    subscription = fanout.subscribe()
    for _ in range(5):
        fanout.offer("stdout", b"x" * (PIECE // 2))
    fanout.close()
    assert [len(data) async for _, data in subscription] == [PIECE, PIECE, PIECE // 2]


async def test_slow_subscriber_holds_the_publisher_back() -> None:
    fanout = Fanout(limit=10)
    slow = fanout.subscribe()
    async with trio.open_nursery() as nursery:
        fanout.offer("stdout", b"x" * 10)
        await fanout.drained()
        nursery.start_soon(fanout.publish, "stdout", b"y")
        await wait_all_tasks_blocked()
        assert fanout.backlog == 11
        assert len(nursery.child_tasks) == 1
        await slow.__anext__()
        await wait_all_tasks_blocked()
        assert not nursery.child_tasks


async def test_subscriber_that_leaves_releases_the_publisher() -> None:
    fanout = Fanout(limit=1)
    slow, other = fanout.subscribe(), fanout.subscribe()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fanout.publish, "stdout", b"xxx")
        await wait_all_tasks_blocked()
        other.close()
        await wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        slow.close()
    assert fanout.clients == 0
    fanout.offer("stdout", b"nobody")
    assert await collect(slow) == b""


async def test_end_wakes_those_who_wait() -> None:
    fanout = Fanout()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(collect, fanout.subscribe())
        await wait_all_tasks_blocked()
        fanout.close()
