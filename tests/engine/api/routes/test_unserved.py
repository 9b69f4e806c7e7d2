from __future__ import annotations

from pathlib import Path

import pytest

from engine.api.routes.unserved import LATER, NOT_A_MANAGER, SWARM, operations
from tests.engine.api.routes.house import house


def test_tables_are_methods_and_rules() -> None:
    assert operations("GET /a; POST /b/<name>\n") == [("GET", "/a"), ("POST", "/b/<name>")]
    for method, rule in operations(SWARM) + operations(LATER):
        assert method in {"GET", "POST", "PUT", "DELETE"}
        assert rule.startswith("/")


async def test_each_refuses_by_its_name_so_that_no_client_hangs(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        for method, rule in operations(SWARM):
            target = rule.replace("<name>", "x")
            assert await at.told(method, target) == (503, NOT_A_MANAGER), target
        for method, rule in operations(LATER):
            target = rule.replace("<path:name>", "x/y").replace("<name>", "x")
            status, text = await at.told(method, target)
            assert status == 501, target
            assert text.startswith(f"{method} /")
            assert text.endswith("is not implemented by this engine yet")


@pytest.mark.parametrize("rule", ["/plugins/privileges"])
async def test_text_has_the_rule_as_the_api_writes_it(tmp_path: Path, rule: str) -> None:
    async with house(tmp_path) as at:
        _, text = await at.told("GET", rule.replace("{name}", "x"))
        assert text == f"GET {rule} is not implemented by this engine yet"
