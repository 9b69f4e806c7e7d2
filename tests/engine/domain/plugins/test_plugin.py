from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from engine.domain.plugins.plugin import Plugin
from engine.domain.plugins.ports import Answer, BadAnswer
from engine.errors import NotFound, SystemFailure, Unavailable
from tests.engine.domain.plugins.fakes import FakePlugins


def make(*kinds: str, **answers: object) -> tuple[FakePlugins, Plugin]:
    host = FakePlugins()
    host.add("vol", *kinds, **answers)
    return host, Plugin("vol", host, host)


async def test_handshake_is_made_once_and_says_what_it_is(autojump_clock: MockClock) -> None:
    host, plugin = make("VolumeDriver", VolumeDriver__Get={"Volume": {"Name": "x"}})
    await plugin.need("VolumeDriver")
    assert await plugin.call("VolumeDriver.Get", {"Name": "x"}) == {"Volume": {"Name": "x"}}
    with pytest.raises(NotFound, match='plugin "vol" does not implement authz'):
        await plugin.need("authz")
    assert host.calls == ["vol /Plugin.Activate", "vol /VolumeDriver.Get"]


async def test_plugin_that_is_not_there_is_not_found(autojump_clock: MockClock) -> None:
    host = FakePlugins()
    with pytest.raises(NotFound, match='plugin "none" not found'):
        await Plugin("none", host, host).need("VolumeDriver")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"Err": "disk\x1b full"}, "disk full"),
        (Answer(500, b'{"Err": "no"}'), "M.X: no"),
        (Answer(500, b"plain words"), "M.X: plain words"),
        (Answer(404, b""), "M.X: status 404"),
        (Answer(200, b"\xff"), 'plugin "vol": M.X: the answer is no JSON'),
        (Answer(200, b"[" * 100_000), 'plugin "vol": M.X: the answer is no JSON'),
        (Answer(200, b"[1]"), 'plugin "vol": M.X: the answer is no JSON object'),
    ],
)
async def test_what_a_plugin_refuses_or_babbles_is_an_error_and_no_outage(
    autojump_clock: MockClock, answer: object, text: str
) -> None:
    _, plugin = make("M", M__X=answer)
    with pytest.raises(SystemFailure) as failure:
        await plugin.call("M.X", {})
    assert str(failure.value) == text
    assert not plugin.breaker.open


async def test_too_large_an_answer_opens_the_breaker(autojump_clock: MockClock) -> None:
    _, plugin = make("M", M__X=BadAnswer("the answer is larger than 5 bytes"))
    with pytest.raises(Unavailable, match=r'plugin "vol": M\.X: the answer is larger'):
        await plugin.call("M.X", {})
    assert plugin.breaker.open


@pytest.mark.parametrize("kinds", [{}, {"Implements": 3}, {"Implements": [1]}, {"Err": "no"}])
async def test_handshake_that_says_nothing_is_none(
    autojump_clock: MockClock, kinds: object
) -> None:
    host, plugin = make()
    host.answers["vol"]["/Plugin.Activate"] = kinds
    with pytest.raises(Unavailable, match='plugin "vol"'):
        await plugin.need("M")


async def test_silent_plugin_is_given_up_within_five_seconds(autojump_clock: MockClock) -> None:
    host, plugin = make("M")
    host.answers["vol"]["/Plugin.Activate"] = (3600.0, {})
    begun = trio.current_time()
    with pytest.raises(Unavailable, match='plugin "vol": it does not answer within 4 s'):
        await plugin.need("M")
    assert trio.current_time() - begun < 5
    begun = trio.current_time()
    with pytest.raises(Unavailable, match='plugin "vol"'):
        await plugin.need("M")
    assert trio.current_time() == begun


async def test_plugin_that_falls_silent_later_is_given_up_too(autojump_clock: MockClock) -> None:
    host, plugin = make("M", M__X=(3600.0, {}))
    await plugin.need("M")
    host.answers["vol"]["/Plugin.Activate"] = (3600.0, {})
    begun = trio.current_time()
    with pytest.raises(Unavailable, match='plugin "vol": it does not answer'):
        await plugin.call("M.X", {})
    assert trio.current_time() - begun < 5


async def test_slow_call_is_waited_for_while_the_plugin_lives(autojump_clock: MockClock) -> None:
    _, plugin = make("M", M__X=(60.0, {"done": True}))
    assert await plugin.call("M.X", {}) == {"done": True}


async def test_slow_call_has_its_end(autojump_clock: MockClock) -> None:
    _, plugin = make("M", M__X=(3600.0, {}))
    with pytest.raises(Unavailable, match="no answer within 7 s"):
        await plugin.call("M.X", {}, patience=7.0)


async def test_plugin_that_comes_up_late_is_reached(autojump_clock: MockClock) -> None:
    host, plugin = make("M", M__X={})
    host.gone.add("vol")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(plugin.call, "M.X", {})
        await trio.sleep(0.5)
        host.gone.clear()
    assert plugin.active


async def test_breaker_closes_by_a_probe_alone(autojump_clock: MockClock) -> None:
    host, plugin = make("M", M__X={})
    host.gone.add("vol")
    with pytest.raises(Unavailable, match="connection refused"):
        await plugin.call("M.X", {})
    host.gone.clear()
    with pytest.raises(Unavailable, match="connection refused"):
        await plugin.call("M.X", {})
    await plugin.activate(probing=True)
    assert await plugin.call("M.X", {}) == {}
