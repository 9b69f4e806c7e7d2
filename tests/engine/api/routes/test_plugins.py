from __future__ import annotations

from pathlib import Path

from tests.engine.api.routes.house import house
from tests.engine.domain.managed.rooms import publish


async def test_list_is_empty_and_what_is_not_there_is_said(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        assert (await at.ask("GET", "/plugins")).json == []
        for method, path in (
            ("GET", "/plugins/me/mini/json"),
            ("POST", "/plugins/me/mini/enable"),
            ("POST", "/plugins/me/mini/disable"),
            ("DELETE", "/plugins/me/mini"),
        ):
            assert await at.told(method, path) == (404, 'plugin "me/mini" not found'), path


async def test_name_that_is_none_is_refused_before_the_archive_is_read(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        status, text = await at.told("POST", "/plugins/create?name=UPPER")
        assert status == 400
        assert "invalid reference format" in text


async def test_pull_names_the_plugin_in_its_head_and_tells_each_step(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        publish(at.registry, "1", linux={"capabilities": ["CAP_SYS_ADMIN"]})
        remote = "reg.test/me/mini:1"
        asked = await at.ask("GET", f"/plugins/privileges?remote={remote}")
        assert [each["Name"] for each in asked.json] == ["capabilities"]
        path = f"/plugins/pull?remote={remote}&name=al"
        refused = await at.ask("POST", path, b"null")
        assert refused.status == 200
        assert b'"error":"incorrect privileges"' in refused.body
        assert refused.headers["Docker-Plugin-Name"] == "al:latest"
        assert b'"Pulling from reg.test/me/mini"' in refused.body
        status, text = await at.told("POST", path, b'{"a')
        assert (status, text) == (400, "failed to parse privileges: invalid JSON: unexpected EOF")


async def test_upgrade_and_push_of_what_is_not_there(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        for path, body in (("none/upgrade?remote=reg.test/x", b"[]"), ("none/push", b"")):
            found = await at.told("POST", f"/plugins/{path}", body)
            assert found == (404, 'plugin "none" not found')
