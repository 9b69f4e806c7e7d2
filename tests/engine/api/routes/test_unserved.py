from __future__ import annotations

from pathlib import Path

from engine.api.routes.unserved import NOT_A_MANAGER, SWARM, operations
from tests.engine.api.routes.house import house


def test_tables_are_methods_and_rules() -> None:
    assert operations("GET /a; POST /b/<name>\n") == [("GET", "/a"), ("POST", "/b/<name>")]
    for method, rule in operations(SWARM):
        assert method in {"GET", "POST", "PUT", "DELETE"}
        assert rule.startswith("/")


async def test_each_refuses_by_its_name_so_that_no_client_hangs(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        for method, rule in operations(SWARM):
            target = rule.replace("<name>", "x")
            assert await at.told(method, target) == (503, NOT_A_MANAGER), target
