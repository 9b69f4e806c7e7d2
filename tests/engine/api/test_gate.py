from __future__ import annotations

from pathlib import Path

import pytest
import trio
from quart import Response, request
from quart_trio import QuartTrio

from engine.api import gate
from engine.api.gate import OPEN, guard
from engine.api.responses import empty_response
from tests.engine.api.serving import ask, serving


def house(ready: trio.Event) -> object:
    def register(app: QuartTrio) -> None:
        guard(app, ready, lambda: "containers")

        @app.route("/<path:path>", methods=["GET", "HEAD", "POST", "DELETE"])
        async def anything(path: str) -> Response:
            return empty_response(204 if request.method == "POST" else 200)

    return register


@pytest.mark.parametrize(
    "path",
    [
        "/_ping",
        "/v1.40/_ping",
        "/version",
        "/info",
        "/events",
        "/containers/json",
        "/v1.51/containers/json?all=1",
        "/containers/web/json",
        "/_trimaran/status",
        "/_trimaran/events/ws",
    ],
)
async def test_what_memory_knows_is_answered_at_once(tmp_path: Path, path: str) -> None:
    async with serving(house(trio.Event()), tmp_path / "s"):  # type: ignore[arg-type]
        assert (await ask(tmp_path / "s", "GET", path)).status == 200


@pytest.mark.parametrize(
    "path", ["/containers/web/logs", "/networks", "/containers", "/xx_ping", "/containers/a/b/json"]
)
def test_the_rest_waits(path: str) -> None:
    assert OPEN.fullmatch(path) is None


async def test_changes_wait_and_go_through(tmp_path: Path) -> None:
    ready = trio.Event()
    statuses: list[int] = []

    async def change() -> None:
        statuses.append((await ask(tmp_path / "s", "POST", "/containers/web/json")).status)

    async with serving(house(ready), tmp_path / "s"), trio.open_nursery() as nursery:  # type: ignore[arg-type]
        nursery.start_soon(change)
        await trio.sleep(0.05)
        assert statuses == []
        ready.set()
    assert statuses == [204]


async def test_who_waits_too_long_is_told_what_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "PATIENCE", 0.05)
    async with serving(house(trio.Event()), tmp_path / "s"):  # type: ignore[arg-type]
        answer = await ask(tmp_path / "s", "DELETE", "/containers/web")
    assert answer.status == 503
    assert answer.json["message"] == "the daemon is still starting: containers"
