"""The dependency graph of siblings: is it sound, who depends on whom, walking it in order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

import trio

from supervisors.errors import BadTree
from supervisors.spec import ChildSpec

# For each name, the names that come before it.
Graph = Mapping[str, Iterable[str]]


def check(specs: Iterable[ChildSpec]) -> None:
    """Raise BadTree for a name given twice, an unknown dependency or a cycle."""
    graph: dict[str, tuple[str, ...]] = {}
    for spec in specs:
        if spec.name in graph:
            raise BadTree(f"two children are called {spec.name}")
        graph[spec.name] = spec.depends_on
    for name, needs in graph.items():
        for need in needs:
            if need not in graph:
                raise BadTree(f"{name} depends on {need}, which is not there")
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise BadTree(f"a cycle of dependencies: {' -> '.join(error.args[1])}") from error


def start_order(specs: Iterable[ChildSpec]) -> Graph:
    """The graph for starting these; dependencies outside them don't count."""
    specs = tuple(specs)
    names = {spec.name for spec in specs}
    return {spec.name: [need for need in spec.depends_on if need in names] for spec in specs}


def stop_order(specs: Iterable[ChildSpec]) -> Graph:
    """The graph for stopping these: the start order, turned round."""
    turned: dict[str, list[str]] = {}
    for name, needs in start_order(specs).items():
        turned.setdefault(name, [])
        for need in needs:
            turned.setdefault(need, []).append(name)
    return turned


def dependents(name: str, specs: Iterable[ChildSpec]) -> set[str]:
    """All that depend on the named child, directly or not."""
    users = stop_order(specs)
    found: set[str] = set()
    todo = [name]
    while todo:
        for user in users.get(todo.pop(), ()):
            if user not in found:
                found.add(user)
                todo.append(user)
    return found


async def walk(graph: Graph, visit: Callable[[str], Awaitable[bool]]) -> None:
    """Visit each name once those before it are done; those that wait for nothing, concurrently.

    A visit that returns False bars what comes after it.
    """
    sorter = TopologicalSorter(graph)
    sorter.prepare()

    async with trio.open_nursery() as nursery:

        async def step(name: str) -> None:
            if await visit(name):
                sorter.done(name)
                launch()

        def launch() -> None:
            for name in sorter.get_ready():
                nursery.start_soon(step, name)

        launch()
