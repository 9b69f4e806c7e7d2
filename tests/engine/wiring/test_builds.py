from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from config.schema import Settings
from engine.domain.builds.leavings import INTENT
from engine.domain.events.messages import Intent
from engine.wiring.builds import make_builds


def test_the_room_knows_what_a_dead_daemon_had_begun(tmp_path: Path) -> None:
    asked: list[str] = []

    def intents(kind: str) -> list[Intent]:
        asked.append(kind)
        return [Intent(INTENT, "a")]

    engine: Any = SimpleNamespace(
        images=None,
        settings=Settings(),
        containers=None,
        journal=None,
        data=SimpleNamespace(path=tmp_path),
        exec_root=tmp_path,
        choices=SimpleNamespace(snapshotter="overlayfs"),
        database=SimpleNamespace(intents=intents),
    )
    made = make_builds(engine)
    assert asked == [INTENT]
    assert made.service() is not made.service()
