"""Records to the API's shapes: `/networks`, and the ports of a container."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from engine.domain.networks.book import Book
from engine.domain.networks.ports import Drift, FirewallPlan, PortForward
from engine.domain.networks.records import NetworkRecord, PublishedPort
from engine.errors import InvalidParameter

Filters = Mapping[str, Sequence[str]]
_KNOWN = {"driver", "type", "name", "id", "label", "scope", "dangling"}
_TRUE, _FALSE = ("true", "1"), ("false", "0")


def summary(record: NetworkRecord) -> dict[str, Any]:
    """One entry of the list: dockerd leaves the containers out."""
    return inspect_view(record, None)


def inspect_view(record: NetworkRecord, book: Book | None) -> dict[str, Any]:
    """The network as `GET /networks/{id}` shows it, its containers from the book."""
    return {
        "Name": record.name,
        "Id": record.id,
        "Created": record.created,
        "Scope": "local",
        "Driver": record.driver,
        "EnableIPv4": True,
        "EnableIPv6": False,
        "IPAM": {"Driver": "default", "Options": None, "Config": _ipam(record)},
        "Internal": record.internal,
        "Attachable": record.attachable,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": _containers(record, book) if book else {},
        "Options": record.options,
        "Labels": record.labels,
    }


def _ipam(record: NetworkRecord) -> list[dict[str, str]]:
    if not record.subnet:
        return []
    config = {"Subnet": record.subnet, "Gateway": record.gateway}
    return [config | ({"IPRange": record.ip_range} if record.ip_range else {})]


def _containers(record: NetworkRecord, book: Book) -> dict[str, dict[str, str]]:
    return {
        attachment.container_id: {
            "Name": attachment.name,
            "EndpointID": endpoint.endpoint_id,
            "MacAddress": endpoint.mac,
            "IPv4Address": f"{endpoint.ip}/{endpoint.prefix}" if endpoint.ip else "",
            "IPv6Address": "",
        }
        for attachment, endpoint in book.attached(record.id)
    }


def matching(book: Book, filters: Filters) -> list[NetworkRecord]:
    """The networks that pass all filters; several values of one filter are alternatives."""
    check_filters(filters)
    return [record for record in book.networks.values() if _passes(record, book, filters)]


def check_filters(filters: Filters) -> None:
    for name, values in filters.items():
        if name not in _KNOWN:
            raise InvalidParameter(f"invalid filter '{name}'")
        if name == "type" and (bad := [v for v in values if v not in ("builtin", "custom")]):
            raise InvalidParameter(f"invalid filter: 'type'='{bad[0]}'")
        if name == "dangling" and any(v not in _TRUE + _FALSE for v in values):
            raise InvalidParameter(
                'invalid value for filter \'dangling\', must be "true" (or "1"), '
                'or "false" (or "0")'
            )


def _passes(record: NetworkRecord, book: Book, filters: Filters) -> bool:
    for name, values in filters.items():
        if values and not _matches(record, book, name, values):
            return False
    return True


def _matches(record: NetworkRecord, book: Book, name: str, values: Sequence[str]) -> bool:
    match name:
        case "driver":
            return record.driver in values
        case "scope":
            return "local" in values
        case "type":
            return ("builtin" if record.predefined else "custom") in values
        case "name":
            return any(_found(value, record.name) for value in values)
        case "id":
            return any(_found(value, record.id) for value in values)
        case "label":
            return all(_labelled(record, value) for value in values)
        case _:
            # Predefined networks never count as dangling.
            unused = not record.predefined and not any(book.attached(record.id))
            return unused if values[0] in _TRUE else not unused


def _found(pattern: str, text: str) -> bool:
    """dockerd takes the value for a regular expression, and for plain text if it is none."""
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return pattern in text


def _labelled(record: NetworkRecord, wanted: str) -> bool:
    key, equals, value = wanted.partition("=")
    return key in record.labels and (not equals or record.labels[key] == value)


def firewall_view(plan: FirewallPlan, drift: Drift, *, enabled: bool) -> dict[str, Any]:
    """Wanted against present, for operators."""
    return {
        "enabled": enabled,
        "whole": not drift,
        "reason": drift.base or None,
        "bridges": [{"bridge": b.bridge, "subnet": str(b.subnet)} for b in plan.bridges],
        "wanted": [_rule(forward) for forward in sorted(plan.forwards, key=_order)],
        "missing": [_rule(forward) for forward in sorted(drift.missing, key=_order)],
        "surplus": [_rule(forward) for forward in sorted(drift.surplus, key=_order)],
        "blocking_chains": list(drift.foreign),
        "closed_links": list(plan.closed_links),
    }


def _order(forward: PortForward) -> tuple[str, int, str]:
    return forward.proto, forward.host_port, str(forward.host_ip)


def _rule(forward: PortForward) -> str:
    host = forward.host_ip or "0.0.0.0"
    target = f"{forward.container_ip}:{forward.container_port}"
    return f"{forward.proto} {host}:{forward.host_port} -> {target}"


def port_map(
    published: Iterable[PublishedPort], exposed: Iterable[str] = ()
) -> dict[str, list[dict[str, str]] | None]:
    """`NetworkSettings.Ports`: exposed ports that nobody publishes are null."""
    ports: dict[str, list[dict[str, str]] | None] = {_with_proto(p): None for p in exposed}
    for port in published:
        key = f"{port.container_port}/{port.proto}"
        entries = ports.get(key) or []
        entries.append({"HostIp": port.host_ip, "HostPort": str(port.host_port)})
        ports[key] = entries
    return ports


def _with_proto(exposed: str) -> str:
    return exposed if "/" in exposed else f"{exposed}/tcp"
