"""Which containers a listing shows: dockerd's filters, `all`, `limit`, `before` and `since`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from engine.domain.containers.cell import Cell
from engine.domain.containers.records import Container, Status
from engine.domain.containers.views import endpoints
from engine.errors import InvalidParameter, NotFound

NAMES = frozenset(
    [
        "ancestor",
        "before",
        "exited",
        "expose",
        "health",
        "id",
        "is-task",
        "isolation",
        "label",
        "name",
        "network",
        "publish",
        "since",
        "status",
        "volume",
    ]
)

HEALTH = frozenset(["none", "starting", "healthy", "unhealthy"])


def check(filters: Mapping[str, Sequence[str]]) -> None:
    """InvalidParameter for a name or a value that dockerd refuses."""
    for name in filters:
        if name not in NAMES:
            raise InvalidParameter(f"invalid filter '{name}'")
    for status in filters.get("status", ()):
        if status not in {str(each) for each in Status}:
            raise InvalidParameter(f"invalid filter 'status={status}'")
    for health in filters.get("health", ()):
        if health not in HEALTH:
            raise InvalidParameter(f"Unrecognised filter value for health: {health}")
    for code in filters.get("exited", ()):
        if not code.lstrip("-").isdecimal():
            raise InvalidParameter(f"invalid filter 'exited={code}'")


def select(
    cells: Sequence[Cell], filters: Mapping[str, Sequence[str]], *, all: bool, limit: int
) -> list[Cell]:
    """`cells` are newest first. A limit shows stopped ones too, as dockerd's does."""
    check(filters)
    everything = all or limit > 0 or bool(set(filters) & {"status", "exited"})
    shown = [cell for cell in _range(cells, filters) if everything or cell.running]
    shown = [cell for cell in shown if _matches(cell.record, filters)]
    return shown[:limit] if limit > 0 else shown


def _range(cells: Sequence[Cell], filters: Mapping[str, Sequence[str]]) -> Iterable[Cell]:
    first, last = 0, len(cells)
    if before := filters.get("before"):
        first = _position(cells, before[-1]) + 1
    if since := filters.get("since"):
        last = _position(cells, since[-1])
    return cells[first:last]


def _position(cells: Sequence[Cell], reference: str) -> int:
    name = reference.removeprefix("/")
    for position, cell in enumerate(cells):
        if cell.record.name == name or cell.id.startswith(reference):
            return position
    raise NotFound(f"No such container: {reference}")


def _matches(container: Container, filters: Mapping[str, Sequence[str]]) -> bool:
    return all(_holds(name, values, container) for name, values in filters.items() if values)


def _holds(name: str, values: Sequence[str], container: Container) -> bool:
    match name:
        case "id":
            return any(_found(value, container.id) for value in values)
        case "name":
            return any(_named(value, container.name) for value in values)
        case "label":
            return all(has_label(value, container.config.labels or {}) for value in values)
        case "status":
            return container.state.status in values
        case "exited":
            never = not container.state.finished_ns or container.state.alive
            return not never and str(container.state.exit_code) in values
        case "ancestor":
            return any(_ancestor(value, container) for value in values)
        case "network":
            return any(_in_network(value, container) for value in values)
        case "volume":
            return any(
                value in (mount.name, mount.destination)
                for value in values
                for mount in container.mounts
            )
        case "health":
            return (container.state.health or "none") in values
        case "publish" | "expose":
            return _port(name, values, container)
        case "is-task":
            return "false" in values or "0" in values
        case _:
            return True


def _named(pattern: str, name: str) -> bool:
    return _found(pattern, name) or _found(pattern, "/" + name)


def _found(pattern: str, text: str) -> bool:
    """What is no regular expression is taken as it stands."""
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return pattern in text


def has_label(wanted: str, labels: Mapping[str, str]) -> bool:
    key, has_value, value = wanted.partition("=")
    return key in labels and (not has_value or labels[key] == value)


def _ancestor(value: str, container: Container) -> bool:
    bare = container.image_id.removeprefix("sha256:")
    named = value in (container.image, container.image.rpartition(":")[0])
    return (
        named
        or container.image == f"{value}:latest"
        or value == container.image_id
        or (len(value) >= 12 and bare.startswith(value.removeprefix("sha256:")))
    )


def _in_network(value: str, container: Container) -> bool:
    shown = endpoints(container)
    return value in shown or any(
        endpoint.network_id.startswith(value) for endpoint in shown.values() if endpoint.network_id
    )


def _port(name: str, values: Sequence[str], container: Container) -> bool:
    if name == "publish":
        bound = container.host.port_bindings or {}
        have = {(key if "/" in key else key + "/tcp") for key in bound}
    else:
        have = set(container.config.exposed_ports or {})
    return any(port in have for value in values for port in _ports(value))


def _ports(value: str) -> Iterable[str]:
    numbers, _, proto = value.partition("/")
    low, _, high = numbers.partition("-")
    if not low.isdecimal() or not (high or low).isdigit():
        raise InvalidParameter(f"invalid port '{value}'")
    return [f"{port}/{proto or 'tcp'}" for port in range(int(low), int(high or low) + 1)]
