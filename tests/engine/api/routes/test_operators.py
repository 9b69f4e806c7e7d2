from __future__ import annotations

from pathlib import Path

import pytest
import trio
from quart_trio import QuartTrio

from config.schema import Settings
from engine.api.routes import operators
from engine.domain.containers.restoring import Restoring
from engine.domain.system.pulse import Pulse
from engine.domain.system.vigil import Vigil
from engine.wiring.operators import Operators
from supervisors import Node, State
from tests.engine.api.serving import ask, serving


def registered(state: State) -> object:
    tree = Node(
        name="root",
        state=state,
        since=1.0,
        children=(Node(name="store", state=state, since=1.0),),
    )
    asked = Operators(lambda: tree, Vigil({}), Restoring(), Pulse(), (Settings(), {}))

    def register(app: QuartTrio) -> None:
        operators.register(app, asked)

    return register


@pytest.mark.parametrize(
    ("state", "status", "word"),
    [("running", 200, "ok"), ("starting", 503, "starting"), ("failed", 503, "failed")],
)
async def test_health_is_also_the_status(
    tmp_path: Path, state: State, status: int, word: str
) -> None:
    async with serving(registered(state), tmp_path / "s"):  # type: ignore[arg-type]
        answer = await ask(tmp_path / "s", "GET", "/_trimaran/health")
    assert (answer.status, answer.json["state"]) == (status, word)
    assert answer.json["restore"]["total"] == 0


async def test_tree_tasks_and_configuration_are_told(tmp_path: Path) -> None:
    async with serving(registered("running"), tmp_path / "s"):  # type: ignore[arg-type]
        assert (await ask(tmp_path / "s", "GET", "/_trimaran/status")).json["name"] == "root"
        tasks = (await ask(tmp_path / "s", "GET", "/_trimaran/tasks")).json
        config = (await ask(tmp_path / "s", "GET", "/_trimaran/config")).json
    root = trio.lowlevel.current_root_task()
    assert root is not None
    assert tasks["root"]["name"] == root.name
    assert tasks["count"] > 5
    assert config["bridge"] == {"value": "trimaran0", "origin": "default"}
