from __future__ import annotations

import pytest
import trio

from engine.domain.images.outbox import Outbox, Report, reported
from engine.domain.images.progress import layer_bar, layer_status, status
from engine.errors import NotFound

DIGEST = f"sha256:{'a' * 64}"


async def test_messages_come_in_order_and_bars_are_merged_while_nobody_reads() -> None:
    outbox = Outbox()
    outbox.put(status("one"))
    for current in range(5):
        outbox.put(layer_bar(DIGEST, "Downloading", current, 4))
    outbox.put(layer_status(DIGEST, "Download complete"))
    outbox.put(status("one"))
    outbox.close()
    found = [each async for each in outbox]
    assert [each["status"] for each in found] == ["one", "Downloading", "Download complete", "one"]
    assert found[1]["progressDetail"]["current"] == 4


async def test_work_runs_beside_its_reader(autojump_clock: trio.abc.Clock) -> None:
    async def work(report: Report) -> None:
        for n in range(3):
            report(status(str(n)))
            await trio.sleep(1)

    times = []
    async with reported(work) as messages:
        async for _ in messages:
            times.append(trio.current_time())  # noqa: PERF401  it awaits
    assert times == [0, 1, 2]


async def test_refusal_reaches_the_reader_after_what_was_told() -> None:
    async def work(report: Report) -> None:
        report(status("begun"))
        raise NotFound("gone")

    async with reported(work) as messages:
        assert await anext(messages) == status("begun")
        with pytest.raises(NotFound, match="gone"):
            await anext(messages)


async def test_refusal_leaves_the_context_as_it_is() -> None:
    async def work(_: Report) -> None:
        raise NotFound("gone")

    async def read() -> None:
        async with reported(work) as messages:
            await anext(messages)

    with pytest.raises(NotFound, match="gone"):
        await read()


async def test_leaving_ends_the_work() -> None:
    ended = trio.Event()

    async def work(report: Report) -> None:
        report(status("x"))
        try:
            await trio.sleep_forever()
        finally:
            ended.set()

    async with reported(work) as messages:
        await anext(messages)
    assert ended.is_set()


async def test_bug_is_no_answer() -> None:
    async def work(_: Report) -> None:
        raise KeyError("bug")

    async def read() -> None:
        async with reported(work) as messages:
            await anext(messages)

    with pytest.RaisesGroup(KeyError):
        await read()
