from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from engine.domain.containers.dependencies import (
    DEPENDS_ON,
    PROJECT,
    SERVICE,
    longest,
    needs,
    reverse,
    without_cycles,
)

NODES = "abcdef"
GRAPHS = st.fixed_dictionaries(
    {each: st.frozensets(st.sampled_from(NODES)).map(lambda s, e=each: s - {e}) for each in NODES}
)


def record(id_: str, *, links: tuple[str, ...] = (), network: str = "bridge", pid: str = "",
           labels: dict[str, str] | None = None) -> Any:  # fmt: skip
    host = SimpleNamespace(network_mode=network, pid_mode=pid, ipc_mode="")
    config = SimpleNamespace(labels=labels)
    return cast(
        Any,
        SimpleNamespace(
            id=id_, name=f"name-{id_}", host=host, config=config, links={e: e for e in links}
        ),
    )


def compose(id_: str, service: str, needed: str = "", project: str = "p") -> Any:
    return record(id_, labels={PROJECT: project, SERVICE: service, DEPENDS_ON: needed})


def test_links_and_joined_namespaces_are_needs() -> None:
    found = needs(
        [
            record("web", links=("db", "gone")),
            record("db"),
            record("side", network="container:web", pid="container:name-db"),
            record("lost", network="container:gone"),
            record("own", network="container:own"),
        ]
    )
    assert found == {
        "web": {"db"},
        "db": frozenset(),
        "side": {"web", "db"},
        "lost": frozenset(),
        "own": frozenset(),
    }


def test_composes_labels_are_needs_within_the_project() -> None:
    found = needs(
        [
            compose("w", "web", "db:service_healthy:false,cache:service_started:true"),
            compose("d1", "db"),
            compose("d2", "db"),
            compose("c", "cache", "nowhere"),
            compose("x", "db", project="other"),
        ]
    )
    assert found["w"] == {"d1", "d2", "c"}
    assert found["c"] == frozenset()


def test_reverse_turns_every_edge() -> None:
    assert reverse({"a": frozenset("bc"), "b": frozenset("c"), "c": frozenset()}) == {
        "a": frozenset(),
        "b": {"a"},
        "c": {"a", "b"},
    }


@given(GRAPHS)
def test_what_is_left_has_no_cycle_and_only_edges_of_cycles_went(
    graph: dict[str, frozenset[str]],
) -> None:
    left = without_cycles(graph)
    assert left.keys() == graph.keys()
    assert all(left[each] <= graph[each] for each in graph)
    order: list[str] = []
    while len(order) < len(left):
        free = [each for each in left if each not in order and left[each] <= set(order)]
        assert free, "a cycle is left"
        order += free
    for each in graph:
        for gone in graph[each] - left[each]:
            assert each in reachable(graph, gone)


def reachable(graph: dict[str, frozenset[str]], start: str) -> set[str]:
    seen, todo = set(), [start]
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            todo += graph[node]
    return seen


def test_dearest_chain_counts() -> None:
    graph = {"a": frozenset("b"), "b": frozenset("c"), "c": frozenset(), "d": frozenset()}
    assert longest(graph, lambda each: {"a": 1, "b": 2, "c": 3, "d": 5}[each]) == 6
    assert longest({}, lambda each: 1) == 0
