from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from engine.domain.networks.facade import parse_ports
from engine.domain.networks.service import INTERVAL
from engine.errors import Unavailable
from supervisors import ServiceCrashed
from tests.engine.domain.networks.rooms import Room, plan, running, serving


async def test_nothing_is_prepared_before_the_restore(autojump_clock: MockClock) -> None:
    room = Room()
    async with serving(room.networks):
        with pytest.raises(Unavailable, match="still being restored"):
            await room.networks.prepare("a", plan("a"))
        assert room.firewall.loaded is None


async def test_flushed_firewall_is_repaired_and_told(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        await networks.prepare("a", plan("a"))
        await networks.publish("a", parse_ports(["80"], {}, publish_all=True))
        wanted = room.firewall.loaded
        room.firewall.flush()
        await trio.sleep(1)
        assert room.firewall.loaded == wanted
        assert room.events == ["firewall-repaired"]


async def test_lost_notification_is_made_up_for(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room):
        room.firewall.loaded = None
        await trio.sleep(INTERVAL + 1)
        assert room.firewall.loaded is not None


async def test_repair_on_request_says_what_was_wrong(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as networks:
        assert not await networks.repair_firewall()
        room.firewall.loaded = None
        assert (await networks.firewall())["reason"] == "the table is gone"
        assert (await networks.repair_firewall()).base == "the table is gone"
        assert (await networks.firewall())["whole"]


async def test_stop_finishes_what_was_taken(autojump_clock: MockClock) -> None:
    room = Room()
    async with trio.open_nursery() as nursery:
        async with running(room) as networks:
            nursery.start_soon(networks.prepare, "a", plan("a"))
            await trio.sleep(0.001)
        assert len(room.links.spaces) == 1


async def crash(room: Room) -> None:
    async with running(room) as networks:
        await networks.prepare("a", plan("a"))
        room.links.failure = ZeroDivisionError("a bug")
        with pytest.raises(ServiceCrashed):
            await networks.prepare("b", plan("b"))


async def test_next_incarnation_knows_everything(autojump_clock: MockClock) -> None:
    room = Room()
    with pytest.raises(ExceptionGroup):
        await crash(room)
    room.links.failure = None
    async with serving(room.networks):
        assert (await room.networks.prepare("b", plan("b"))).endpoints[0].ip == "172.17.0.3"
