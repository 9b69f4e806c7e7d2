from __future__ import annotations

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from engine.domain.system.vigil import LIMIT, PERIOD, WORRIED, Vigil, VigilService
from engine.errors import Unavailable


class Host:
    def __init__(self) -> None:
        self.asked = 0
        self.mood = "well"

    async def answer(self) -> str:
        self.asked += 1
        if self.mood == "stuck":
            await trio.sleep_forever()
        if self.mood == "away":
            raise Unavailable("it is not there")
        return "1.6"


async def test_answers_are_kept_with_their_reason_and_their_times(
    autojump_clock: MockClock,
) -> None:
    host = Host()
    vigil = Vigil({"runtime": host.answer})
    assert vigil.answers == {}
    await vigil.ask("runtime")
    first = vigil.answers["runtime"]
    assert (first.well, first.reason) == (True, "")
    assert first.last_success is not None
    host.mood = "away"
    await vigil.ask("runtime")
    away = vigil.answers["runtime"]
    assert (away.well, away.reason, away.last_success) == (
        False,
        "it is not there",
        first.last_success,
    )
    host.mood = "stuck"
    began = trio.current_time()
    await vigil.ask("runtime")
    assert trio.current_time() - began == LIMIT
    stuck = vigil.answers["runtime"]
    assert (stuck.reason, stuck.since) == ("no answer within 2 s", away.since)
    host.mood = "well"
    await vigil.ask("runtime")
    assert vigil.answers["runtime"].well
    assert vigil.answers["runtime"].since > away.since


async def test_never_a_success_is_none() -> None:
    host = Host()
    host.mood = "away"
    vigil = Vigil({"runtime": host.answer})
    await vigil.ask("runtime")
    assert vigil.answers["runtime"].last_success is None


async def test_service_asks_again_and_again(mock_clock: MockClock) -> None:
    host = Host()
    service = VigilService(Vigil({"runtime": host.answer}))
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: service.run(task_status=task_status))
        for asked in (1, 2, 3):
            await wait_all_tasks_blocked()
            assert host.asked == asked
            mock_clock.jump(PERIOD)
        await wait_all_tasks_blocked()
        host.mood = "away"
        mock_clock.jump(PERIOD)
        for asked in (5, 6, 7):
            await wait_all_tasks_blocked()
            assert host.asked == asked
            mock_clock.jump(WORRIED)
        await service.stop()
