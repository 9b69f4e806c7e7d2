from __future__ import annotations

from pathlib import Path

from tests.engine.api.routes.house import house
from tests.fakes.event_log import numbered


async def test_timeline_is_served(tmp_path: Path) -> None:
    async with house(tmp_path) as served:
        made = await served.create("web")
        attributes = {"name": "web", "cause": "exit", "exitCode": "3"}
        served.log.events.append(numbered(1, action="die", actor_id=made, attributes=attributes))
        found = (await served.ask("GET", "/_trimaran/containers/web/timeline")).json
        assert (found["id"], found["name"], found["removed"]) == (made, "web", False)
        (entry,) = found["entries"]
        assert (entry["action"], entry["cause"], entry["attributes"]) == (
            "die",
            "exit",
            {"exitCode": "3"},
        )


async def test_unknown_container_is_not_found(tmp_path: Path) -> None:
    async with house(tmp_path) as served:
        status, text = await served.told("GET", "/_trimaran/containers/nobody/timeline")
        assert (status, text) == (404, "No such container: nobody")
