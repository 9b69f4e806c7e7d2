"""Supervisors in supervisors, and quarantine."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock

from supervisors import (
    ChildSpec,
    IntensityExceeded,
    Mailbox,
    Restart,
    ServiceStopped,
    Supervisor,
)
from tests.supervisors.fakes import Stage, node, running, settle, states


def nest(stage: Stage, *, max_restarts: int) -> Callable[[], Supervisor]:
    return lambda: Supervisor("nested", [stage.spec("x")], max_restarts=max_restarts)


async def test_a_nested_supervisor_that_gives_up_is_restarted_as_a_child(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    spec = ChildSpec(name="n", factory=nest(stage, max_restarts=1))
    async with running(Supervisor("root", [spec], max_restarts=1)) as tree:
        for _ in range(2):
            stage.crash("x")
            await settle()
        assert states(tree) == {"n": "running"}
        assert node(tree, "n").restarts == 1
        assert (node(tree, "n").last_error or "").startswith("IntensityExceeded: root/n gave up")


async def test_intensities_multiply_through_the_levels(autojump_clock: MockClock) -> None:
    stage = Stage()
    spec = ChildSpec(name="n", factory=nest(stage, max_restarts=1))
    with pytest.RaisesGroup(IntensityExceeded):
        async with running(Supervisor("root", [spec], max_restarts=1)):
            for _ in range(4):
                stage.crash("x")
                await settle()
            await trio.sleep_forever()
    assert stage.made == 4


async def test_a_nested_supervisor_that_gives_up_is_quarantined(autojump_clock: MockClock) -> None:
    stage = Stage()
    box: Mailbox[object] = Mailbox("n")
    spec = ChildSpec(
        name="n", factory=nest(stage, max_restarts=0), quarantine=True, mailboxes=(box,)
    )
    async with running(Supervisor("root", [spec, stage.spec("b")], max_restarts=0)) as tree:
        stage.crash("x")
        await settle()
        assert states(tree) == {"n": "quarantined", "b": "running"}
        assert "x broke" in (node(tree, "n").last_error or "")
        with pytest.raises(ServiceStopped, match="it is quarantined"):
            await box.tell("anyone there?")
        # And it can be revived, with its allowance back.
        await tree.restart("n")
        assert states(tree) == {"n": "running", "b": "running"}


async def test_a_nested_supervisor_gives_up_once_before_it_is_quarantined(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    spec = ChildSpec(name="n", factory=nest(stage, max_restarts=0), quarantine=True)
    async with running(Supervisor("root", [spec], max_restarts=3)) as tree:
        stage.crash("x")
        await settle()
        assert states(tree) == {"n": "quarantined"}


async def test_a_revived_child_has_its_allowance_back(autojump_clock: MockClock) -> None:
    stage = Stage()
    async with running(
        Supervisor("root", [stage.spec("a", quarantine=True)], max_restarts=1)
    ) as tree:
        for _ in range(2):
            stage.crash("a")
            await settle()
        assert states(tree) == {"a": "quarantined"}
        await tree.restart("a")
        stage.crash("a")
        await settle()
        assert states(tree) == {"a": "running"}


async def test_a_new_run_has_its_allowance_back(autojump_clock: MockClock) -> None:
    stage = Stage()
    tree = Supervisor("root", [stage.spec("a")], max_restarts=1)
    for _ in range(3):
        async with running(tree):
            stage.crash("a")
            await settle()
            assert states(tree) == {"a": "running"}


async def test_a_quarantined_dynamic_child_stays_until_it_is_removed(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    async with running(Supervisor("root", max_restarts=0)) as tree:
        await tree.add(
            ChildSpec(
                name="n",
                factory=nest(stage, max_restarts=0),
                quarantine=True,
                restart=Restart.TRANSIENT,
            )
        )
        stage.crash("x")
        await settle()
        assert states(tree) == {"n": "quarantined"}
        await tree.remove("n")
        assert tree.names() == ()


async def test_a_plain_child_is_quarantined_past_its_own_allowance(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    specs = [stage.spec("a", quarantine=True), stage.spec("b")]
    async with running(Supervisor("root", specs, max_restarts=1)) as tree:
        stage.crash("a")
        await settle()
        stage.crash("b")  # the supervisor's allowance is untouched
        await settle()
        assert states(tree) == {"a": "running", "b": "running"}
        stage.crash("a")
        await settle()
        assert states(tree) == {"a": "quarantined", "b": "running"}
