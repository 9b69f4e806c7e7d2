from __future__ import annotations

from pathlib import Path

import pytest

from config.schema import Settings
from engine.adapters.logsinks.journald import JournaldSink
from engine.adapters.pluginhttp.logs import PluginSink
from engine.domain.logs.attributes import LogSubject
from engine.domain.logs.ports import Destination
from engine.errors import InvalidParameter
from engine.wiring.plugins import logs_room, plugins_room


async def test_plugins_are_looked_for_where_the_configuration_says(tmp_path: Path) -> None:
    (tmp_path / "mine.spec").write_text("tcp://localhost:1")
    room = plugins_room(Settings(plugin_sockets=str(tmp_path), plugin_specs=(str(tmp_path),)))
    assert await room._directory.names() == ["mine"]


async def test_log_drivers_are_ours_or_plugins(tmp_path: Path) -> None:
    places = Settings(plugin_sockets=str(tmp_path), plugin_specs=(str(tmp_path),))
    logs = logs_room(tmp_path / "data", tmp_path / "exec", plugins_room(places))
    subject = LogSubject(id="c1", name="x")
    assert isinstance(logs._open_sink(Destination("journald", {}, subject)), JournaldSink)
    assert isinstance(logs._open_sink(Destination("mine", {}, subject)), PluginSink)
    await logs.need("syslog")
    with pytest.raises(InvalidParameter, match=r'logging plugin mine: plugin "mine" not found'):
        await logs.need("mine")
    assert "gelf" in logs.drivers()
