from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from config.schema import Settings
from engine.domain.builds.leavings import INTENT
from engine.domain.events.messages import Intent
from engine.wiring.builds import build_services, make_buildkit, make_builds


def test_the_room_knows_what_a_dead_daemon_had_begun(tmp_path: Path) -> None:
    asked: list[str] = []

    def intents(kind: str) -> list[Intent]:
        asked.append(kind)
        return [Intent(INTENT, "a")]

    engine: Any = SimpleNamespace(
        images=None,
        buildkit=None,
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


@pytest.mark.parametrize("there", [False, True])
def test_a_buildkitd_has_a_service_where_there_is_one(
    there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    if there:
        (tmp_path / "buildkitd").touch(mode=0o755)
    engine: Any = SimpleNamespace(
        data=SimpleNamespace(path=tmp_path),
        exec_root=tmp_path,
        address="/c.sock",
        settings=Settings(),
        choices=SimpleNamespace(namespace="ns", snapshotter="overlayfs"),
        builds=SimpleNamespace(service=object),
    )
    engine.buildkit = make_buildkit(engine)
    assert engine.buildkit.available == there
    services = build_services(engine)
    assert [each.name for each in services] == ["builds", "buildkit"][: 1 + there]
    if there:
        assert services[1].factory() is not services[1].factory()
    engine.settings = Settings(features={"buildkit": False})
    assert not engine.buildkit.available
