from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from engine.domain.managed.book import event
from engine.errors import Conflict, NotFound, SystemFailure
from tests.engine.domain.managed.rooms import PACKAGE, Room, archive, running


async def test_plugins_are_found_by_name_and_by_the_beginning_of_an_id(
    autojump_clock: MockClock,
) -> None:
    async with running(Room()) as managed:
        await managed.create("mini", archive())
        book = managed._book
        record = book.find("mini:latest")
        assert book.find(record.id[:6]) is record
        with pytest.raises(NotFound):
            book.find("zzz")
        with pytest.raises(Conflict, match="plugin mini:latest already exists"):
            book.check_free("mini:latest")


async def test_what_others_need_stays_when_a_plugin_goes(autojump_clock: MockClock) -> None:
    room = Room()
    async with running(room) as managed:
        await managed.create("one", archive())
        await managed.create("two", archive())
        await managed.remove("one")
        assert room.machine.gone == []
        async with managed._household.claim(PACKAGE):
            await managed.remove("two")
            assert room.machine.gone == []
        await managed.create("three", archive())
        await managed.remove("three")
        assert room.machine.gone == list(PACKAGE.blobs)


async def test_record_that_cannot_be_kept_takes_its_plugin_along(
    autojump_clock: MockClock,
) -> None:
    room = Room()

    async def full(*_: object) -> None:
        await trio.lowlevel.checkpoint()
        raise SystemFailure("no space left on device")

    async with running(room) as managed:
        room.store.put = full  # type: ignore[method-assign]
        with pytest.raises(SystemFailure):
            await managed.create("mini", archive())
        assert (managed.list({}), room.machine.installed) == ([], set())
        assert room.machine.gone == list(PACKAGE.blobs)


def test_event_is_of_the_plugin_or_of_what_was_pulled() -> None:
    from tests.engine.adapters.managed.test_machine import RECORD

    assert event("enable", RECORD).actor_id == RECORD.id
    assert event("pull", RECORD, "me/mini:1").actor_id == "me/mini:1"
