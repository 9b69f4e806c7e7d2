from __future__ import annotations

from pathlib import Path

from engine.api.routes import status
from tests.engine.api.serving import ask, serving


async def test_tree_is_told_as_it_is_at_each_call(tmp_path: Path) -> None:
    tree = {"name": "root", "state": "starting"}
    async with serving(lambda app: status.register(app, lambda: tree), tmp_path / "s"):
        assert (await ask(tmp_path / "s", "GET", "/_trimaran/status")).json == tree
        tree["state"] = "running"
        answer = await ask(tmp_path / "s", "GET", "/_trimaran/status")
        assert (answer.status, answer.json["state"]) == (200, "running")
