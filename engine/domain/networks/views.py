"""Records to the API's shapes: `/networks`, and the ports of a container."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engine.domain.networks.book import Book
from engine.domain.networks.ports import Drift, FirewallPlan, PortForward
from engine.domain.networks.records import NetworkRecord, PublishedPort


def summary(record: NetworkRecord) -> dict[str, Any]:
    """One entry of the list: dockerd leaves the containers out."""
    return inspect_view(record, None)


def inspect_view(record: NetworkRecord, book: Book | None) -> dict[str, Any]:
    """The network as `GET /networks/{id}` shows it, its containers from the book."""
    return {
        "Name": record.name,
        "Id": record.id,
        "Created": record.created,
        "Scope": record.scope,
        "Driver": record.driver,
        "EnableIPv4": record.ipv4,
        "EnableIPv6": record.ipv6,
        "IPAM": {
            "Driver": record.ipam_driver,
            "Options": record.ipam_options,
            "Config": _ipam(record),
        },
        "Internal": record.internal,
        "Attachable": record.attachable,
        "Ingress": False,
        "ConfigFrom": {"Network": record.config_from},
        "ConfigOnly": record.config_only,
        "Containers": _containers(record, book) if book else {},
        "Options": record.options,
        "Labels": record.labels,
    }


def _ipam(record: NetworkRecord) -> list[dict[str, Any]]:
    found = []
    for room in (*record.rooms(4), *record.rooms(6)):
        config: dict[str, Any] = {"Subnet": room.subnet}
        config |= {"IPRange": room.ip_range} if room.ip_range else {}
        shown = room.gateway and room.subnet not in record.implied
        config |= {"Gateway": room.gateway} if shown else {}
        config |= {"AuxiliaryAddresses": room.auxiliary} if room.auxiliary else {}
        found.append(config)
    return found


def _containers(record: NetworkRecord, book: Book) -> dict[str, dict[str, str]]:
    return {
        attachment.container_id: {
            "Name": attachment.name,
            "EndpointID": endpoint.endpoint_id,
            "MacAddress": endpoint.mac,
            "IPv4Address": f"{endpoint.ip}/{endpoint.prefix}" if endpoint.ip else "",
            "IPv6Address": f"{endpoint.ip6}/{endpoint.prefix6}" if endpoint.ip6 else "",
        }
        for attachment, endpoint in book.attached(record.id)
        if attachment.started
    }


def firewall_view(plan: FirewallPlan, drift: Drift, *, enabled: bool) -> dict[str, Any]:
    """Wanted against present, for operators."""
    return {
        "enabled": enabled,
        "whole": not drift,
        "reason": drift.base or None,
        "bridges": [
            {"bridge": b.bridge, "subnet": str(b.subnet or b.subnet6)} for b in plan.bridges
        ],
        "wanted": [_rule(forward) for forward in sorted(plan.forwards, key=_order)],
        "missing": [_rule(forward) for forward in sorted(drift.missing, key=_order)],
        "surplus": [_rule(forward) for forward in sorted(drift.surplus, key=_order)],
        "blocking_chains": list(drift.foreign),
        "closed_links": list(plan.closed_links),
    }


def _order(forward: PortForward) -> tuple[str, int, str]:
    return forward.proto, forward.host_port, str(forward.host_ip)


def _rule(forward: PortForward) -> str:
    if forward.routed:
        return (
            f"{forward.proto} open {_bracketed(str(forward.container_ip))}:{forward.container_port}"
        )
    every = "0.0.0.0" if forward.container_ip.version == 4 else "::"
    host = _bracketed(str(forward.host_ip or every))
    target = f"{_bracketed(str(forward.container_ip))}:{forward.container_port}"
    return f"{forward.proto} {host}:{forward.host_port} -> {target}"


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def port_map(
    published: Iterable[PublishedPort], exposed: Iterable[str] = ()
) -> dict[str, list[dict[str, str]] | None]:
    """`NetworkSettings.Ports`: exposed ports that nobody publishes are null."""
    ports: dict[str, list[dict[str, str]] | None] = {_with_proto(p): None for p in exposed}
    for port in published:
        key = f"{port.container_port}/{port.proto}"
        entries = ports.get(key) or []
        entries.append({"HostIp": port.host_ip, "HostPort": str(port.host_port or "")})
        ports[key] = entries
    return ports


def _with_proto(exposed: str) -> str:
    return exposed if "/" in exposed else f"{exposed}/tcp"
