from __future__ import annotations

from collections.abc import Sequence

import pytest

from engine.domain.containers.timeline import Timelines
from engine.domain.events.records import Event
from engine.errors import NotFound
from tests.engine.domain.containers.cells import cell, registry
from tests.fakes.event_log import FakeEventLog, numbered

WEB = cell(1)
GONE, OLDER = "9" * 64, "8" * 64
LOG = FakeEventLog([
    numbered(1, action="create", actor_id=OLDER, attributes={"name": "gone"}),
    numbered(2, action="destroy", actor_id=OLDER, attributes={"name": "gone"}),
    numbered(3, action="create", actor_id=GONE, attributes={"name": "gone"}),
    numbered(4, action="exec_start: x", actor_id=GONE, attributes={"name": "gone"}),
    numbered(5, action="die", actor_id=GONE, attributes={"name": "gone", "exitCode": "137", "cause": "oom", "secret": "x"}),
    numbered(6, action="destroy", actor_id=GONE, attributes={"name": "gone"}),
    numbered(7, action="connect", type="network", actor_id="n", attributes={"container": WEB.id}),
    numbered(8, action="start", actor_id=WEB.id, attributes={"name": "c1", "cause": "restart-policy", "attempt": "2"}),
    numbered(9, action="health_status: unhealthy", actor_id=WEB.id, attributes={"name": "c1"}),
    numbered(10, action="oom", actor_id=WEB.id, attributes={"name": "c1"}),
    numbered(11, action="die", actor_id=WEB.id, attributes={"name": "c1", "cause": "api", "by": "uid 7", "exitCode": "0"}),
])  # fmt: skip


async def history(text: str) -> Sequence[Event]:
    return LOG.history(text)


@pytest.fixture
def timelines() -> Timelines:
    return Timelines(registry(WEB).resolve, history)


async def test_transitions_come_with_their_causes(timelines: Timelines) -> None:
    found = await timelines.of("c1")
    assert (found.id, found.name, found.removed) == (WEB.id, "c1", False)
    assert [(each.seq, each.action, each.cause) for each in found.entries] == [
        (8, "start", "restart-policy"),
        (9, "health_status: unhealthy", "health-check"),
        (10, "oom", "oom"),
        (11, "die", "api"),
    ]
    assert found.entries[0].attributes == {"attempt": "2"}
    last = found.entries[-1]
    assert (last.by, last.attributes) == ("uid 7", {"exitCode": "0"})
    assert last.logs.startswith(f"/containers/{WEB.id}/logs?stdout=1&stderr=1&tail=100&until=1970-")


@pytest.mark.parametrize("reference", ["gone", "/gone", GONE, GONE[:12]])
async def test_removed_container_is_found_and_the_last_of_its_name(
    timelines: Timelines, reference: str
) -> None:
    found = await timelines.of(reference)
    assert (found.id, found.name, found.removed) == (GONE, "gone", True)
    assert [each.action for each in found.entries] == ["create", "die", "destroy"]
    assert found.entries[1].cause == "oom"
    assert found.entries[1].logs == ""
    assert found.entries[0].cause == "api"


@pytest.mark.parametrize("reference", ["nobody", "999", "c", "x"])
async def test_container_that_never_was_is_not_found(timelines: Timelines, reference: str) -> None:
    with pytest.raises(NotFound, match=f"^No such container: {reference}$"):
        await timelines.of(reference)
