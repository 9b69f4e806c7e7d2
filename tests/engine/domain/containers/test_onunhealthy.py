from __future__ import annotations

import random
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from engine.domain.containers.cell import Cell
from engine.domain.containers.health import UNHEALTHY
from engine.domain.containers.messages import Unhealthy
from engine.domain.containers.onunhealthy import Reaction, parse, switches
from engine.domain.containers.records import Status
from engine.errors import InvalidParameter
from tests.engine.domain.containers.rooms import Daemon, running


def test_label_is_an_action_and_perhaps_how_often() -> None:
    assert parse("") == Reaction("none", None)
    assert parse("restart:3") == Reaction("restart", 3)
    assert parse("stop") == Reaction("stop", None)


@pytest.mark.parametrize("text", ["panic", "restart:", "restart:-1", "restart:x"])
def test_other_labels_are_refused(text: str) -> None:
    with pytest.raises(InvalidParameter, match=r"invalid label trimaran\.on-unhealthy="):
        parse(text)


def test_switches_are_the_labels_of_ours() -> None:
    assert switches({"a": "b", "trimaran.on-unhealthy": "kill"}) == {
        "trimaran.on-unhealthy": "kill"
    }


async def falls_ill(cell: Cell) -> bool:
    """As its monitor tells it; False when it has ended before anybody knew."""
    async with cell.slot:
        if not cell.record.state.alive:
            return False
        cell.record = cell.record.with_state(health=UNHEALTHY)
    cell.mailbox.offer(Unhealthy(cell.record.state.generation))
    return True


async def exits_after(daemon: Daemon, cell: Cell, steps: int) -> None:
    """By itself, so many of trio's turns later; perhaps it has been killed meanwhile."""
    for _ in range(steps):
        await trio.lowlevel.checkpoint()
    process = daemon.runtime.tasks.process(cell.id)
    if process.status == "running":
        daemon.runtime.exit(cell.id, 1)


async def again(cell: Cell) -> None:
    """Until it runs for the second time; not for ever."""
    with trio.move_on_after(5):
        while cell.record.state.generation < 2 or not cell.record.state.alive:  # noqa: ASYNC110
            await trio.sleep(0.1)  # the restart's delay, on the test's clock


@pytest.mark.parametrize("runs", [30, pytest.param(1000, marks=pytest.mark.torture)])
async def test_unhealthy_container_that_exits_by_itself_is_restarted_once(
    tmp_path: Path, patient_clock: MockClock, runs: int
) -> None:
    """At whatever turn of the other's way its own exit comes, before as well as after."""
    chance = random.Random(runs)
    async with running(tmp_path) as daemon:
        for number in range(runs):
            policy = chance.choice(("", "always", "on-failure"))
            name, label = f"ill{number}", {"trimaran.on-unhealthy": "restart"}
            cell = await daemon.run(name, restart=policy, labels=label)
            before, after = chance.randrange(40), chance.randrange(40)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(exits_after, daemon, cell, after)
                for _ in range(before):
                    await trio.lowlevel.checkpoint()
                ill = await falls_ill(cell)
            if not ill and not policy:
                continue
            await again(cell)
            state = cell.record.state
            found = (state.status, state.generation, state.restart_count)
            assert found == (Status.RUNNING, 2, 1), (number, policy, before, after)
            deaths = [
                each for each in daemon.journal.events
                if (each.action, each.actor_id) == ("die", cell.id)
            ]  # fmt: skip
            assert len(deaths) == 1
            await daemon.containers.remove(name, force=True)
