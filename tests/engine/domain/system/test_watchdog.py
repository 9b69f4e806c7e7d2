from __future__ import annotations

from dataclasses import dataclass, field

import trio
from trio.testing import MockClock

from engine.domain.system.watchdog import WatchdogService


@dataclass
class Manager:
    enabled: bool = True
    watchdog: float | None = 30.0
    told: list[str] = field(default_factory=list)

    def send(self, *assignments: str) -> None:
        self.told += assignments

    @property
    def pings(self) -> int:
        return self.told.count("WATCHDOG=1")


class World:
    """`state`: sound, failing, or hanging."""

    def __init__(self, **manager: object) -> None:
        self.manager = Manager(**manager)  # type: ignore[arg-type]
        self.state = "sound"
        self.status = "3 containers running"

    async def check(self) -> None:
        if self.state == "failing":
            raise OSError("gone")
        if self.state == "hanging":
            await trio.sleep_forever()

    async def live(self, seconds: float, nursery: trio.Nursery) -> None:
        service = WatchdogService(self.manager, self.check, lambda: self.status)
        await nursery.start(lambda task_status: service.run(task_status=task_status))
        await trio.sleep(seconds)


async def test_sound_daemon_pings_three_times_within_the_time(autojump_clock: MockClock) -> None:
    world = World()
    async with trio.open_nursery() as nursery:
        await world.live(29, nursery)
        assert world.manager.pings == 3
        nursery.cancel_scope.cancel()


async def test_neither_a_failing_nor_a_hanging_check_is_pinged_over(
    autojump_clock: MockClock,
) -> None:
    world = World()
    async with trio.open_nursery() as nursery:
        await world.live(1, nursery)
        for state in ("failing", "hanging"):
            world.state = state
            before = world.manager.pings
            await trio.sleep(100)
            assert world.manager.pings == before
            world.state = "sound"
            await trio.sleep(25)
            assert world.manager.pings > before
        nursery.cancel_scope.cancel()


async def test_status_is_told_when_it_changes(autojump_clock: MockClock) -> None:
    world = World(watchdog=None)
    async with trio.open_nursery() as nursery:
        await world.live(20, nursery)
        world.status = "0 containers running"
        await trio.sleep(20)
        nursery.cancel_scope.cancel()
    assert world.manager.told == ["STATUS=3 containers running", "STATUS=0 containers running"]


async def test_without_systemd_it_sleeps(autojump_clock: MockClock) -> None:
    world = World(enabled=False)
    async with trio.open_nursery() as nursery:
        await world.live(100, nursery)
        nursery.cancel_scope.cancel()
    assert world.manager.told == []
