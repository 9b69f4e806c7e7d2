from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from engine.domain.plugins import service as module
from engine.domain.plugins.facade import Plugins
from engine.errors import Unavailable
from tests.engine.domain.plugins.fakes import FakePlugins


async def test_plugin_that_comes_back_is_noticed_without_a_request(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.time, "monotonic", trio.current_time)
    host = FakePlugins()
    host.add("vol", "VolumeDriver")
    host.gone.add("vol")
    room = Plugins(host, host)
    with pytest.raises(Unavailable):
        await room.get("vol", "VolumeDriver")
    service = room.service()
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: service.run(task_status=task_status))
        await trio.sleep(5)
        assert room.report()[0]["breaker"] == "open"
        host.gone.clear()
        await trio.sleep(15)
        assert room.report()[0]["breaker"] == "closed"
        await service.stop()


async def test_errands_are_run_and_their_failures_are_nobodys(autojump_clock: MockClock) -> None:
    host = FakePlugins()
    host.add("log", "LogDriver", LogDriver__StopLogging={"Err": "unknown"})
    room = Plugins(host, host)
    room.later("none", "LogDriver", "LogDriver.StopLogging", {})
    room.later("log", "LogDriver", "LogDriver.StopLogging", {})
    service = room.service()
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: service.run(task_status=task_status))
        await trio.sleep(5)
        room.later("log", "LogDriver", "LogDriver.StopLogging", {})
        await trio.sleep(5)
        await service.stop()
    assert host.calls.count("log /LogDriver.StopLogging") == 2
