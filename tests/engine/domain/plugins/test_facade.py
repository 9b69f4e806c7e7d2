from __future__ import annotations

import pytest
from trio.testing import MockClock

from engine.domain.plugins.facade import Plugins
from engine.errors import NotFound, Unavailable
from tests.engine.domain.plugins.fakes import FakePlugins


async def test_only_what_was_named_is_asked_and_told(autojump_clock: MockClock) -> None:
    host = FakePlugins()
    for name in ("one", "two", "dead"):
        host.add(name, "VolumeDriver")
    host.gone.add("dead")
    room = Plugins(host, host)
    assert await room.get("one", "VolumeDriver") is await room.get("one", "VolumeDriver")
    with pytest.raises(Unavailable):
        await room.get("dead", "VolumeDriver")
    with pytest.raises(NotFound):
        await room.get("none", "VolumeDriver")
    with pytest.raises(NotFound):
        await room.get("one", "authz")
    assert room.active("VolumeDriver") == ["one"]
    told = {each["name"]: each["breaker"] for each in room.report()}
    assert told == {"one": "closed", "dead": "open"}
    assert not any(call.startswith("two") for call in host.calls)


async def test_plugin_that_has_gone_is_forgotten(autojump_clock: MockClock) -> None:
    host = FakePlugins()
    host.add("one", "VolumeDriver")
    host.gone.add("one")
    room = Plugins(host, host)
    with pytest.raises(Unavailable):
        await room.get("one", "VolumeDriver")
    (known,) = room._known.values()
    del host.answers["one"]
    with pytest.raises(NotFound):
        await known.activate(probing=True)
    assert room.report()[0]["breaker"] == "closed"
    with pytest.raises(NotFound):
        await room.get("one", "VolumeDriver")
    assert room.report() == []
