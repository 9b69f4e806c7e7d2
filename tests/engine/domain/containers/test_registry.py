from __future__ import annotations

import pytest

from engine.errors import Conflict, NotFound, SystemFailure
from tests.engine.domain.containers.cells import cell, registry


def test_containers_come_newest_first() -> None:
    known = registry(cell(1), cell(3), cell(2))
    assert [each.record.name for each in known] == ["c3", "c2", "c1"]
    assert len(known) == 3


def test_container_is_found_by_id_name_and_unique_prefix() -> None:
    one, two = cell(1), cell(0x12)
    known = registry(one, two)
    for reference in (one.id, "c1", "/c1", "111"):
        assert known.resolve(reference) is one
    assert known.resolve("121") is two
    with pytest.raises(SystemFailure, match="Multiple IDs found with provided prefix: 1"):
        known.resolve("1")
    with pytest.raises(NotFound, match="No such container: c9"):
        known.resolve("c9")


def test_name_is_one_containers_until_it_is_released() -> None:
    known = registry(cell(1))
    with pytest.raises(Conflict, match=f'The container name "/c1" is already in use.*"{"1" * 64}"'):
        known.reserve("c1", "other")
    known.reserve("/c1", "1" * 64)
    known.release("c1", "other")
    with pytest.raises(Conflict):
        known.reserve("c1", "other")
    known.release("c1", "1" * 64)
    known.reserve("c1", "other")


def test_container_that_is_being_made_is_known_but_not_found() -> None:
    known = registry()
    known.reserve("web", "a" * 64)
    assert known.knows("a" * 64)
    assert known.get("a" * 64) is None
    with pytest.raises(NotFound, match="No such container: web"):
        known.resolve("web")


def test_discarded_container_leaves_nothing() -> None:
    one = cell(1)
    known = registry(one)
    known.discard(one.id)
    known.discard(one.id)
    assert len(known) == 0
    assert not known.knows(one.id)
    known.reserve("c1", "other")
    with pytest.raises(NotFound):
        known.resolve(one.id)


def test_short_ids_are_those_of_the_tree() -> None:
    one = cell(1)
    known = registry(one)
    assert known.by_short_id("1" * 12) is one
    assert known.by_short_id("2" * 12) is None


def test_ids_are_those_of_containers_that_are_being_made_too() -> None:
    known = registry(cell(1))
    known.reserve("coming", "c" * 64)
    assert set(known.ids()) == {"1" * 64, "c" * 64}
