from __future__ import annotations

from pathlib import Path

from config.schema import Settings
from engine.wiring.plugins import plugins_room


async def test_plugins_are_looked_for_where_the_configuration_says(tmp_path: Path) -> None:
    (tmp_path / "mine.spec").write_text("tcp://localhost:1")
    room = plugins_room(Settings(plugin_sockets=str(tmp_path), plugin_specs=(str(tmp_path),)))
    assert await room._directory.names() == ["mine"]
