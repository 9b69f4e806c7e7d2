from __future__ import annotations

import pytest
import trio
import trio.testing

from engine.domain.volumes.book import Book
from engine.errors import NotFound


def test_users_are_kept_in_the_order_in_which_they_came() -> None:
    book = Book()
    for container in ("c2", "c1", "c2"):
        book.use("vol", container)
    assert book.users("vol") == ["c2", "c1"]
    assert book.used_by("c1") == ["vol"]
    book.leave("vol", "c2")
    book.leave("vol", "unknown")
    assert book.users("vol") == ["c1"]
    book.leave("vol", "c1")
    assert book.users("vol") == []


def test_unknown_volume_is_not_found_in_dockerds_words() -> None:
    with pytest.raises(NotFound, match=r"^get vol: no such volume$"):
        Book().find("vol")


async def test_changes_to_one_volume_take_turns(
    autojump_clock: trio.testing.MockClock,
) -> None:
    book, seen = Book(), list[str]()

    async def change(name: str, label: str, seconds: float) -> None:
        async with book.holding(name):
            seen.append(f"{label} in")
            await trio.sleep(seconds)
            seen.append(f"{label} out")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(change, "a", "first", 5)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(change, "a", "second", 1)
        nursery.start_soon(change, "b", "other", 1)
    assert seen == ["first in", "other in", "other out", "first out", "second in", "second out"]
