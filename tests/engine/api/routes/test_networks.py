from __future__ import annotations

from pathlib import Path

from tests.engine.api.routes.house import house


async def test_networks_are_listed_and_inspected_with_their_containers(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        made = await at.run("web")
        listed = (await at.ask("GET", "/networks")).json
        assert {each["Name"] for each in listed} == {"bridge", "host", "none"}
        assert all(each["Containers"] == {} for each in listed)
        (host,) = (await at.ask("GET", '/networks?filters={"driver":["host"]}')).json
        assert host["Name"] == "host"
        inspected = (await at.ask("GET", "/networks/bridge")).json
        assert inspected["Containers"][made]["Name"] == "web"


async def test_refusals_have_their_status_and_text(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        assert await at.told("GET", "/networks/nosuch") == (404, "network nosuch not found")
        status, text = await at.told("GET", '/networks?filters={"colour":["red"]}')
        assert (status, "colour" in text) == (400, True)
