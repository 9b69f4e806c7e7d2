from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from engine.domain.containers import causes
from engine.domain.containers.records import Status
from engine.models.hostconfig import HostConfig
from tests.engine.domain.containers.cells import cell, registry
from tests.engine.domain.containers.containers import container
from tests.engine.domain.containers.rooms import running

NOTHING = {"reason": "", "ender": "", "shutting_down": False, "orphaned": False}


@pytest.mark.parametrize(
    ("given", "state", "cause"),
    [
        ({}, {}, {"cause": "exit"}),
        ({"ender": "api uid 7"}, {}, {"cause": "api", "by": "uid 7"}),
        ({"ender": "api"}, {}, {"cause": "api"}),
        ({}, {"manually_stopped": True}, {"cause": "api"}),
        ({"ender": "daemon-shutdown"}, {}, {"cause": "daemon-shutdown"}),
        ({"shutting_down": True, "ender": "api"}, {}, {"cause": "daemon-shutdown"}),
        ({"reason": "unhealthy", "ender": "api"}, {}, {"cause": "unhealthy"}),
        ({"ender": "api"}, {"oom_killed": True}, {"cause": "oom"}),
        ({"orphaned": True}, {}, {"cause": "dependency"}),
    ],
)  # fmt: skip
def test_end_has_one_cause(
    given: dict[str, object], state: dict[str, object], cause: dict[str, str]
) -> None:
    record = container().with_state(**state)
    assert causes.of_end(record, **{**NOTHING, **given}) == cause  # type: ignore[arg-type]


def test_start_that_nobody_asked_for_says_why() -> None:
    record = container().with_state(restart_count=3, backoff_ms=400)
    assert causes.of_start(record, boot=False) == {
        "cause": "restart-policy",
        "attempt": "3",
        "delay": "0.4",
    }
    assert causes.of_start(record, boot=True) == {"cause": "daemon-start"}
    assert causes.of_start(record.with_state(next_try_ns=1), boot=False) == {"cause": "start-retry"}
    assert causes.asked("uid 7") == "api uid 7"
    assert causes.asked("") == "api"


async def test_who_lives_in_anothers_namespace_ends_with_it(autojump_clock: MockClock) -> None:
    lender = cell(1)
    joined = container(host=HostConfig(pid_mode=f"container:{lender.id}"))
    known = registry(lender)
    assert not await causes.orphaned(joined, known, 137)
    assert not await causes.orphaned(container(), known, 137)
    assert not await causes.orphaned(joined, known, 1)
    assert await causes.orphaned(joined, registry(), 137)

    async def end() -> None:
        await trio.sleep(0.5)
        lender.record = lender.record.with_state(status=Status.EXITED)
        lender.ended(lender.last_exit)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(end)
        assert await causes.orphaned(joined, known, 137)


async def test_events_of_a_life_tell_their_causes(tmp_path: Path, patient_clock: MockClock) -> None:
    async with running(tmp_path) as daemon:
        container = await daemon.run("web", restart="always")
        await daemon.ends(container, 3)
        assert daemon.journal.event("die").attributes["cause"] == "exit"
        await trio.sleep(1)
        told = daemon.journal.event("start").attributes
        assert (told["cause"], told["attempt"], told["delay"]) == ("restart-policy", "1", "0.1")
        await daemon.containers.stop("web", by="uid 7")
        told = daemon.journal.event("die").attributes
        assert (told["cause"], told["by"]) == ("api", "uid 7")
        await daemon.containers.start("web")
        assert "cause" not in daemon.journal.event("start").attributes
        await daemon.ends(container, 0)
        assert daemon.journal.event("die").attributes["cause"] == "exit"
