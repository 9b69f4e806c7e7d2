"""Links of the default bridge (row 7): names, environment and hosts entries of one container in another.

They follow the containers through renames and restarts; on other networks they are kept and do nothing.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from engine.domain.containers.cell import Cell
from engine.domain.containers.modes import joined
from engine.domain.containers.records import Container
from engine.domain.containers.registry import Registry
from engine.domain.containers.validation import parse_link
from engine.errors import Conflict, InvalidParameter, NotFound, SystemFailure
from engine.models.containers import HostConfig

BRIDGE = "bridge"
_NOT_PASSED_ON = ("HOME", "PATH")


class Linked(msgspec.Struct, frozen=True):
    """A link as a start sees it; `ports` are the child's exposed ones, such as 80/tcp."""

    alias: str
    address: str
    name: str
    hostname: str
    env: tuple[str, ...]
    ports: tuple[str, ...]


def resolved(host: HostConfig, registry: Registry) -> dict[str, str]:
    """Alias to container ID. InvalidParameter for a child that is not there or on the host's network.

    On networks of the user's own these are nobody's: there an endpoint has links.
    """
    mode = host.network_mode
    if mode not in ("", "default", BRIDGE, "host", "none") and joined(mode) is None:
        return {}
    found = {}
    for link in host.links or ():
        name, alias = parse_link(link)
        try:
            child = registry.resolve(name)
            while (other := joined(child.record.host.network_mode)) is not None:
                child = registry.resolve(other)
        except NotFound as error:
            raise InvalidParameter(f"could not get container for {name}: {error}") from error
        if child.record.host.network_mode == "host":
            raise InvalidParameter(
                "conflicting options: host type networking can't be used with links. "
                "This would result in undefined behavior"
            )
        found[alias] = child.id
    return found


def linked(record: Container, registry: Registry) -> list[Linked]:
    """For a start on the default bridge. SystemFailure when a child does not run there."""
    if record.host.network_mode != BRIDGE:
        return []
    return [_linked(record, alias, registry.get(id_), id_) for alias, id_ in record.links.items()]


def _linked(record: Container, alias: str, child: Cell | None, child_id: str) -> Linked:
    if child is None or not child.record.state.alive:
        name = child_id if child is None else child.record.name
        raise SystemFailure(
            f"Cannot link to a non running container: /{name} AS /{record.name}/{alias}"
        )
    theirs = child.record
    address = bridge_address(theirs)
    if not address:
        raise SystemFailure(f"container {theirs.id} not attached to default bridge network")
    return Linked(
        alias=alias,
        address=address,
        name=theirs.name,
        hostname=theirs.config.hostname,
        env=tuple(theirs.config.env or ()),
        ports=tuple(theirs.config.exposed_ports),
    )


def bridge_address(record: Container) -> str:
    sandbox = record.network.sandbox
    endpoints = sandbox.endpoints if sandbox else ()
    return next((each.ip for each in endpoints if each.network_name == BRIDGE), "")


def hosts_rows(links: Sequence[Linked]) -> list[tuple[str, str]]:
    """(address, names) for /etc/hosts."""
    return [
        (each.address, " ".join(dict.fromkeys((each.alias, each.hostname, each.name))))
        for each in links
    ]


def environment(parent: str, links: Sequence[Linked]) -> tuple[str, ...]:
    """`ALIAS_PORT_80_TCP=...` and the like, as dockerd writes them."""
    return tuple(line for each in links for line in _variables(parent, each))


def _variables(parent: str, link: Linked) -> Iterator[str]:
    alias = link.alias.upper().replace("-", "_")
    ports = sorted(_parsed(link.ports))
    if ports:
        yield f"{alias}_PORT={_url(link, ports[0])}"
    yield from _ranges(alias, link, ports)
    for port in ports:
        number, _, proto = port
        key = f"{alias}_PORT_{number}_{proto.upper()}"
        yield f"{key}={_url(link, port)}"
        yield f"{key}_ADDR={link.address}"
        yield f"{key}_PORT={number}"
        yield f"{key}_PROTO={proto}"
    yield f"{alias}_NAME=/{parent}/{link.alias}"
    for variable in link.env:
        name, equals, value = variable.partition("=")
        if equals and name not in _NOT_PASSED_ON:
            yield f"{alias}_ENV_{name}={value}"


Port = tuple[int, bool, str]


def _parsed(ports: Sequence[str]) -> list[Port]:
    """By number, TCP before the others."""
    split = [port.partition("/") for port in ports]
    return [(int(number), proto != "tcp", proto or "tcp") for number, _, proto in split]


def _ranges(alias: str, link: Linked, ports: Sequence[Port]) -> Iterator[str]:
    """Runs of neighbours also by their first and last; dockerd leaves out runs of two."""
    at = 0
    while at < len(ports):
        end = at
        while end + 1 < len(ports) and ports[end + 1][0] <= ports[end][0] + 1:
            end += 1
        if end > at + 1:
            first, last = ports[at], ports[end]
            key = f"{alias}_PORT_{first[0]}_{first[2].upper()}"
            yield f"{key}_START={_url(link, first)}"
            yield f"{key}_ADDR={link.address}"
            yield f"{key}_PROTO={first[2]}"
            yield f"{key}_PORT_START={first[0]}"
            yield f"{key}_END={_url(link, last)}"
            yield f"{key}_PORT_END={last[0]}"
        at = end + 1


def _url(link: Linked, port: Port) -> str:
    return f"{port[2]}://{link.address}:{port[0]}"


# what the API shows, and names


def shown(record: Container, registry: Registry) -> list[str] | None:
    """HostConfig.Links as inspect has it; children that are gone stay out."""
    found = [
        f"/{child.record.name}:/{record.name}/{alias}"
        for alias, id_ in record.links.items()
        if (child := registry.get(id_)) is not None
    ]
    return found or None


def parents_of(registry: Registry) -> Mapping[str, list[str]]:
    """The names, with a slash, that containers have from their links, by ID."""
    names: dict[str, list[str]] = {}
    for cell in registry:
        for alias, id_ in cell.record.links.items():
            names.setdefault(id_, []).append(f"/{cell.record.name}/{alias}")
    return names


def resolve(reference: str, registry: Registry) -> Cell:
    """Also by PARENT/ALIAS. NotFound."""
    parent, _, alias = reference.strip("/").rpartition("/")
    if not parent:
        return registry.resolve(reference)
    try:
        child = registry.get(registry.resolve(parent).record.links[alias])
    except (KeyError, NotFound):
        child = None
    if child is None:
        raise NotFound(f"No such container: {reference}")
    return child


def parent_of(reference: str, registry: Registry) -> tuple[Cell, str]:
    """The cell and the alias that `docker rm --link PARENT/ALIAS` is about."""
    registry_name, alias = posixpath.split("/" + reference.lstrip("/"))
    if registry_name == "/":
        registry.resolve(reference)
        raise Conflict("Conflict, cannot remove the default link name of the container")
    parent = registry.resolve(registry_name.strip("/"))
    if alias not in parent.record.links:
        raise NotFound(f"No such container: {reference}")
    return parent, alias
