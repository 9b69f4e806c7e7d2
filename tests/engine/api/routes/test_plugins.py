from __future__ import annotations

from pathlib import Path

from tests.engine.api.routes.house import house


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
