from __future__ import annotations

import trio
import trio.testing

from engine.domain.system.memory import GROWTH, INTERVAL, MemoryService
from tests.engine.domain.containers.passing import time_passing


class Process:
    """A process whose size the test decides; a release brings it down to `least`."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.least = size
        self.releases = 0

    def resident(self) -> int:
        return self.size

    def release(self) -> None:
        self.releases += 1
        self.size = self.least


async def grown(process: Process, by: int) -> int:
    """The releases within a few looks after the process grew, without the one that follows the start."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(time_passing)
        await nursery.start(MemoryService(process.resident, process.release).run)
        await trio.sleep(INTERVAL + 1)
        process.size += by
        await trio.sleep(3 * INTERVAL + 1)
        nursery.cancel_scope.cancel()
    return process.releases - 1


async def test_what_grew_is_released_once(mock_clock: trio.testing.MockClock) -> None:
    assert await grown(Process(50 << 20), GROWTH) == 1


async def test_a_process_at_rest_is_left_alone(mock_clock: trio.testing.MockClock) -> None:
    assert await grown(Process(50 << 20), GROWTH - 1) == 0


async def test_what_cannot_be_given_back_is_not_tried_again(
    mock_clock: trio.testing.MockClock,
) -> None:
    process = Process(50 << 20)
    process.least += GROWTH
    assert await grown(process, GROWTH) == 1
