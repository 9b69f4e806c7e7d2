from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.engine.api.routes.house import House, house
from tests.fakes.event_log import numbered

SECOND = 1_000_000_000


def log(at: House) -> int:
    """Three events, one a second, long ago; the time of the first, in seconds."""
    first = time.time_ns() // SECOND - 100
    at.log.events = [
        numbered(seq, time_ns=(first + seq - 1) * SECOND, action=action)
        for seq, action in ((1, "create"), (2, "start"), (3, "die"))
    ]
    at.bus.resume(3)
    return first


async def actions(at: House, query: str) -> list[str]:
    answer = await at.ask("GET", f"/events?{query}")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    return [json.loads(line)["Action"] for line in answer.body.splitlines()]


async def test_past_is_replayed_a_line_each(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        first = log(at)
        assert await actions(at, f"since={first}&until={first + 10}") == ["create", "start", "die"]
        assert await actions(at, f"since={first + 1}&until={first + 2}") == ["start"]
        assert await actions(at, f"since=0&until={first + 10}") == ["create", "start", "die"]
        assert await actions(at, f"since=seq:2&until={first + 10}") == ["die"]
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(first + 2))
        assert await actions(at, f"since={stamp}&until={first + 10}.5") == ["die"]
        assert await actions(at, f"until={first + 10}") == []


async def test_second_that_is_under_way_means_up_to_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path) as at:
        first = log(at)
        monkeypatch.setattr(time, "time_ns", lambda: (first + 1) * SECOND + SECOND // 2)
        assert await actions(at, f"since=0&until={first + 1}") == ["create", "start"]
        assert await actions(at, f"since=0&until={first + 1}.0") == ["create", "start"]
        assert await actions(at, f"since=0&until={first}.9") == ["create"]


async def test_filters_choose(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        first = log(at)
        wanted = json.dumps({"event": ["die"]})
        assert await actions(at, f"since=0&until={first + 10}&filters={wanted}") == ["die"]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("since=soon", 'invalid value for "since": soon'),
        ("until=later", 'invalid value for "until": later'),
        ("since=seq:x", 'invalid value for "since": seq:x'),
        ("since=seq:²", 'invalid value for "since": seq:²'),
        ("since=20&until=10", "`since` time (20) cannot be after `until` time (10)"),
        ('filters={"colour":["red"]}', "invalid filter 'colour'"),
    ],
)
async def test_what_cannot_be_is_refused(tmp_path: Path, query: str, text: str) -> None:
    async with house(tmp_path) as at:
        target = "/events?" + query.replace("²", "%C2%B2")
        assert await at.told("GET", target) == (400, text)
