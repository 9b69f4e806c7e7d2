from __future__ import annotations

import pytest

from engine.domain.execs.records import Exec
from engine.domain.execs.store import ExecStore
from engine.domain.streams.session import ProcessStreams
from engine.errors import NotFound
from engine.models.execs import ExecConfig
from tests.engine.domain.containers.cells import NOWHERE, _close_stdin


def exec_of(id: str, container_id: str = "c") -> Exec:
    return Exec(id * 64, container_id, ExecConfig(), ProcessStreams(NOWHERE, _close_stdin))


def test_execs_are_found_by_id_or_its_beginning() -> None:
    store, one = ExecStore(), exec_of("a")
    store.add(one)
    assert store.resolve("aaa") is store.resolve("a" * 64) is store.get("a" * 64) is one
    assert store.get("aaa") is None
    with pytest.raises(NotFound, match="No such exec instance: b"):
        store.resolve("b")


def test_discarded_exec_is_gone_also_while_it_is_walked_over() -> None:
    store = ExecStore()
    for id in "abc":
        store.add(exec_of(id))
    for each in store:
        store.discard(each.id)
        store.discard(each.id)
    assert list(store) == []
    with pytest.raises(NotFound):
        store.resolve("a")


def test_execs_of_a_container_are_its_own() -> None:
    store = ExecStore()
    store.add(exec_of("a"))
    store.add(exec_of("b", "other"))
    assert [each.id for each in store.of_container("c")] == ["a" * 64]
