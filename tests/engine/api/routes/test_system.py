from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.api.routes.house import house


@pytest.mark.parametrize(("method", "body"), [("GET", b"OK"), ("HEAD", b"")])
async def test_ping_is_dockerds(tmp_path: Path, method: str, body: bytes) -> None:
    async with house(tmp_path) as at:
        for prefix in ("", "/v1.24"):
            answer = await at.ask(method, f"{prefix}/_ping")
            assert (answer.status, answer.body) == (200, body)
            headers = {name.lower(): value for name, value in answer.headers.items()}
            assert headers["builder-version"] == "1"
            assert headers["swarm"] == "inactive"
            assert headers["cache-control"] == "no-cache, no-store, must-revalidate"
            assert headers["content-type"] == "text/plain; charset=utf-8"
            assert headers["api-version"]
            assert headers["ostype"] == "linux"


async def test_version_and_info_are_told(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        assert (await at.ask("GET", "/version")).json["Version"] == "9.8"
        info = (await at.ask("GET", "/info")).json
        assert (info["ID"], info["Images"], info["Containers"]) == ("e1", 7, 6)
        assert (await at.ask("GET", "/_trimaran/status")).json["name"] == "root"


async def test_disk_usage_is_of_the_kinds_asked_for(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.create("web", HostConfig={"Binds": ["vol:/data"]})
        whole = (await at.ask("GET", "/system/df")).json
        assert [each["Names"] for each in whole["Containers"]] == [["/web"]]
        assert [each["Name"] for each in whole["Volumes"]] == ["vol"]
        part = (await at.ask("GET", "/system/df?type=volume&type=image")).json
        assert part["Containers"] is None
        assert len(part["Volumes"]) == 1
        assert await at.told("GET", "/system/df?type=x") == (400, "unknown object type: x")


async def test_unknown_pages_are_not_found(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        assert await at.told("GET", "/nosuch") == (404, "page not found")
        assert await at.told("PATCH", "/info") == (404, "page not found")
