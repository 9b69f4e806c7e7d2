"""Which containers need which others to run: links, joined namespaces, and Compose's depends_on labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from engine.domain.containers.modes import joined
from engine.domain.containers.records import Container

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
DEPENDS_ON = "com.docker.compose.depends_on"

Needs = Mapping[str, frozenset[str]]
"""Container ID -> the IDs of those that it needs."""


def needs(records: Iterable[Container]) -> Needs:
    """Of every container; only such as are among `records`, and never itself. It may have cycles."""
    every = list(records)
    names = {record.name: record.id for record in every} | {
        record.id: record.id for record in every
    }
    services: dict[tuple[str, str], set[str]] = {}
    for record in every:
        labels = record.config.labels or {}
        if PROJECT in labels and SERVICE in labels:
            services.setdefault((labels[PROJECT], labels[SERVICE]), set()).add(record.id)
    return {record.id: _needs(record, names, services) for record in every}


def _needs(
    record: Container, names: Mapping[str, str], services: Mapping[tuple[str, str], set[str]]
) -> frozenset[str]:
    host, labels = record.host, record.config.labels or {}
    found = {id_ for id_ in record.links.values() if id_ in names}
    for mode in (host.network_mode, host.pid_mode, host.ipc_mode):
        donor = joined(mode)
        if donor is not None and donor in names:
            found.add(names[donor])
    project = labels.get(PROJECT, "")
    for entry in labels.get(DEPENDS_ON, "").split(","):
        # web:service_healthy:false, or the name alone.
        found |= services.get((project, entry.partition(":")[0]), set())
    return frozenset(found - {record.id})


def reverse(needed: Needs) -> Needs:
    """Container ID -> the IDs of those that need it."""
    users: dict[str, set[str]] = {each: set() for each in needed}
    for user, wanted in needed.items():
        for each in wanted:
            users[each].add(user)
    return {each: frozenset(found) for each, found in users.items()}


def without_cycles(graph: Needs) -> Needs:
    """The same without the edges that close a cycle, so that nobody waits for himself."""
    kept: dict[str, frozenset[str]] = {}
    state: dict[str, int] = {}
    for root in sorted(graph):
        _walk(root, graph, kept, state)
    return kept


def _walk(root: str, graph: Needs, kept: dict[str, frozenset[str]], state: dict[str, int]) -> None:
    """Depth first, without recursion: chains may be long."""
    if root in state:
        return
    path = [(root, iter(sorted(graph[root])))]
    state[root] = 1
    edges: dict[str, set[str]] = {root: set()}
    while path:
        node, rest = path[-1]
        for each in rest:
            if state.get(each) == 1:
                continue  # it is being walked: this edge would close a cycle
            edges[node].add(each)
            if each not in state:
                state[each] = 1
                edges[each] = set()
                path.append((each, iter(sorted(graph[each]))))
                break
        else:
            state[node] = 2
            kept[node] = frozenset(edges[node])
            path.pop()


def longest(graph: Needs, cost: Callable[[str], float]) -> float:
    """The cost of the dearest chain of a graph without cycles; 0 for an empty one."""
    totals: dict[str, float] = {}
    for root in graph:
        stack = [root]
        while stack:
            node = stack[-1]
            missing = [each for each in graph[node] if each not in totals]
            if missing:
                stack += missing
            else:
                below = max((totals[each] for each in graph[node]), default=0.0)
                totals[node] = cost(node) + below
                stack.pop()
    return max(totals.values(), default=0.0)
