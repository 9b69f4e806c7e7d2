from __future__ import annotations

from typing import Any

import trio

from engine.domain.builds.leavings import BuildsService, Leavings, intent
from engine.domain.events.facade import Batch
from engine.errors import Unavailable
from tests.engine.domain.builds.rooms import FakeContainers, FakeWorkshop


class FakeJournal:
    def __init__(self) -> None:
        self.closed: list[tuple[str, str]] = []

    async def commit(self, batch: Batch) -> int:
        self.closed += batch.closes
        return 0


def service(
    leavings: Leavings, containers: Any, workshop: Any, *intents: str
) -> tuple[BuildsService, FakeJournal]:
    journal: Any = FakeJournal()
    return BuildsService(leavings, containers, workshop, journal, intents), journal


async def test_what_dead_daemons_left_is_taken_away(autojump_clock: object) -> None:
    leavings, containers, workshop = Leavings(), FakeContainers(), FakeWorkshop()
    containers.names = {"build-a-1": "1", "build-a-2": "2", "other": "3"}
    workshop.left = ["b"]
    made, journal = service(leavings, containers, workshop, "a")
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: made.run(task_status=task_status))
        await leavings.settled("a")
        await leavings.settled("b")
        await made.stop()
    assert sorted(containers.removed) == ["build-a-1", "build-a-2"]
    assert sorted(workshop.discarded) == ["a", "b"]
    assert ("build", "a") in journal.closed


async def test_what_cannot_be_removed_now_is_tried_again(autojump_clock: object) -> None:
    leavings, containers, workshop = Leavings(), FakeContainers(), FakeWorkshop()
    containers.names = {"build-a-1": "1"}
    containers.failures = [Unavailable("away"), Unavailable("away")]
    made, _ = service(leavings, containers, workshop)
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: made.run(task_status=task_status))
        leavings.begin("a")
        leavings.put("a", "build-a-1")
        await leavings.gone("a")
        assert workshop.discarded == []
        leavings.end("a")
        await leavings.settled("a")
        await made.stop()
    assert containers.removed == ["build-a-1"]
    assert workshop.discarded == ["a"]


async def test_a_fresh_service_leaves_running_builds_alone(autojump_clock: object) -> None:
    leavings, containers, workshop = Leavings(), FakeContainers(), FakeWorkshop()
    leavings.begin("a")
    workshop.left = ["a"]
    made, _ = service(leavings, containers, workshop, "a")
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: made.run(task_status=task_status))
        await trio.sleep(1)
        await made.stop()
    assert workshop.discarded == []


def test_the_intent_is_the_builds() -> None:
    assert (intent("a").kind, intent("a").subject) == ("build", "a")
