"""What the volumes room relies on in its store; the fake and the database both pass it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from engine.domain.events.facade import NewEvent
from engine.domain.volumes.records import VolumeRecord

Check = Callable[[Any], Awaitable[None]]
RECORD = VolumeRecord(name="vol", created_ns=1, labels={"a": "b"}, options={"type": "tmpfs"})
EVENT = NewEvent("volume", "create", "vol", {"driver": "local"})
GONE = NewEvent("volume", "destroy", "vol", {"driver": "local"})


async def records_come_back_as_they_were(store: Any) -> None:
    bare = VolumeRecord(name="bare", created_ns=2)
    await store.add(RECORD, EVENT)
    await store.add(bare, EVENT)
    assert sorted(await store.load(), key=lambda each: each.created_ns) == [RECORD, bare]


async def removal_is_open_until_its_end(store: Any) -> None:
    await store.add(RECORD, EVENT)
    await store.begin_removal("vol")
    assert await store.removing() == ["vol"]
    await store.drop("vol", GONE)
    assert (await store.load(), await store.removing()) == ([], ["vol"])
    await store.end_removal("vol")
    await store.end_removal("vol")
    assert await store.removing() == []


async def dropping_what_is_not_there_is_fine(store: Any) -> None:
    await store.drop("vol", GONE)
    await store.tell(GONE)
    assert await store.load() == []


CHECKS: tuple[Check, ...] = (
    records_come_back_as_they_were,
    removal_is_open_until_its_end,
    dropping_what_is_not_there_is_fine,
)
