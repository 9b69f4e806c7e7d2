"""From records to the API's shapes: inspect, list entries, state. Pure, and cheap enough for hundreds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from engine.domain.containers import records, rules
from engine.domain.containers.cell import Cell
from engine.domain.containers.records import Container, Status
from engine.domain.containers.sandbox import chosen_hostname
from engine.domain.containers.volumes import mount_points
from engine.domain.logs.timestamps import format_nano
from engine.domain.networks.facade import PREDEFINED, Endpoint, dns_names, port_map
from engine.models.containers import (
    ZERO_TIME,
    GraphDriver,
    Health,
    InspectResponse,
    Port,
    State,
    Summary,
    SummaryHostConfig,
)
from engine.models.networks import (
    EndpointSettings,
    NetworkSettings,
    PortBinding,
    SummaryNetworkSettings,
)


def state_view(cell: Cell) -> State:
    state = cell.record.state
    restarting = state.status is Status.RESTARTING
    return State(
        status=str(state.status),
        running=state.alive or restarting,
        paused=state.status is Status.PAUSED,
        restarting=restarting,
        oom_killed=state.oom_killed,
        dead=state.status is Status.DEAD,
        pid=state.pid,
        exit_code=state.exit_code,
        error=error_text(state),
        started_at=timestamp(state.started_ns),
        finished_at=timestamp(state.finished_ns),
        health=health_view(cell),
    )


def error_text(known: records.State) -> str:
    """With the time of the next try, where there is one."""
    if known.status is Status.RESTARTING and known.next_try_ns:
        return f"{known.error} (next try at {timestamp(known.next_try_ns)})"
    return known.error


def health_view(cell: Cell) -> Health | None:
    """None where no health is checked; the log of an earlier daemon's probes is not kept."""
    status = cell.record.state.health
    if not status:
        return None
    known = cell.checkup.view() if cell.checkup is not None else Health(log=[])
    return msgspec.structs.replace(known, status=status)


def timestamp(ns: int) -> str:
    return format_nano(ns) if ns else ZERO_TIME


def inspect(cell: Cell, directory: Path, links: Sequence[str] | None = None) -> InspectResponse:
    """GET /containers/{id}/json without the sizes. Its files have paths from its first start on, as in dockerd."""
    container = cell.record
    argv = container.argv or [""]
    shown = list(links) if links else None
    host = msgspec.structs.replace(container.host, links=shown)
    begun = container.state.status is not Status.CREATED or bool(container.state.error)
    return InspectResponse(
        id=container.id,
        created=format_nano(container.created_ns),
        path=argv[0],
        args=argv[1:],
        state=state_view(cell),
        image=container.image_id,
        resolv_conf_path=str(directory / "resolv.conf") if begun else "",
        hostname_path=str(directory / "hostname") if begun else "",
        hosts_path=str(directory / "hosts") if begun else "",
        log_path=log_path(container, directory) if begun else "",
        name="/" + container.name,
        restart_count=container.state.restart_count,
        driver=container.snapshotter,
        platform=container.platform,
        exec_ids=cell.exec_ids or None,
        host_config=host,
        graph_driver=GraphDriver(name=container.snapshotter, data=None),
        mounts=mount_points(container),
        config=container.config,
        network_settings=network_settings(container),
    )


def log_path(container: Container, directory: Path) -> str:
    """The json-file log, "" when another driver is in use."""
    if container.host.log_config.type != "json-file":
        return ""
    return str(directory / f"{container.id}-json.log")


def endpoints(container: Container) -> dict[str, EndpointSettings]:
    """By network name: what the run has, or what was asked for while there is none."""
    sandbox = container.network.sandbox
    if sandbox is None or not sandbox.endpoints:
        return container.endpoints
    return {
        each.network_name: endpoint_view(
            each, container.endpoints.get(each.network_name), container
        )
        for each in sandbox.endpoints
    }


def endpoint_view(
    endpoint: Endpoint, asked: EndpointSettings | None, container: Container
) -> EndpointSettings:
    return msgspec.structs.replace(
        asked or EndpointSettings(),
        network_id=endpoint.network_id,
        endpoint_id=endpoint.endpoint_id,
        gateway=endpoint.gateway,
        ip_address=endpoint.ip,
        ip_prefix_len=endpoint.prefix,
        ipv6_gateway=endpoint.gateway6,
        global_ipv6_address=endpoint.ip6,
        global_ipv6_prefix_len=endpoint.prefix6,
        mac_address=endpoint.mac,
        dns_names=_dns_names(endpoint, container),
    )


def _dns_names(endpoint: Endpoint, container: Container) -> list[str] | None:
    if endpoint.network_name in PREDEFINED:
        return None
    return dns_names(container.id, container.name, chosen_hostname(container), endpoint.aliases)


def network_settings(container: Container) -> NetworkSettings:
    network = container.network
    shown = endpoints(container)
    bridge = shown.get("bridge", EndpointSettings())
    sandbox = network.sandbox
    return NetworkSettings(
        sandbox_id=sandbox.id if sandbox else "",
        sandbox_key=sandbox.key if sandbox else "",
        ports=port_bindings(container),
        endpoint_id=bridge.endpoint_id,
        gateway=bridge.gateway,
        global_ipv6_address=bridge.global_ipv6_address,
        global_ipv6_prefix_len=bridge.global_ipv6_prefix_len,
        ip_address=bridge.ip_address,
        ip_prefix_len=bridge.ip_prefix_len,
        ipv6_gateway=bridge.ipv6_gateway,
        mac_address=bridge.mac_address,
        networks=shown,
    )


def summary(cell: Cell, link_names: Sequence[str] = ()) -> Summary:
    """An entry of GET /containers/json."""
    container = cell.record
    state = container.state
    return Summary(
        id=container.id,
        names=["/" + container.name, *link_names],
        image=container.image,
        image_id=container.image_id,
        command=command_line(container),
        created=container.created_ns // 1_000_000_000,
        ports=ports(container),
        labels=container.config.labels or {},
        state=str(state.status),
        status=rules.status_text(state, time.time_ns()),
        host_config=SummaryHostConfig(
            network_mode=container.host.network_mode, annotations=container.host.annotations
        ),
        network_settings=SummaryNetworkSettings(networks=_listed(endpoints(container))),
        mounts=mount_points(container),
    )


def _listed(found: dict[str, EndpointSettings]) -> dict[str, EndpointSettings]:
    """Lists have no names: dockerd leaves them to inspect."""
    return {
        name: msgspec.structs.replace(each, aliases=None, dns_names=None)
        for name, each in found.items()
    }


def command_line(container: Container) -> str:
    """Arguments with a space are quoted, as in the COMMAND column."""
    argv = container.argv
    if not argv:
        return ""
    quoted = [f"'{arg}'" if " " in arg else arg for arg in argv[1:]]
    return " ".join([argv[0], *quoted])


def port_bindings(container: Container) -> dict[str, list[PortBinding] | None]:
    """Exposed ports (null) and published ones while the container runs, nothing else."""
    if not container.state.alive:
        return {}
    found = port_map(container.network.published, container.config.exposed_ports)
    return {
        key: [PortBinding(host_ip=each["HostIp"], host_port=each["HostPort"]) for each in entries]
        if entries
        else None
        for key, entries in found.items()
    }


def ports(container: Container) -> list[Port]:
    """One entry for each binding, and for each exposed port that has none."""
    shown = []
    for key, bindings in port_bindings(container).items():
        number, _, proto = key.partition("/")
        if not bindings:
            shown.append(Port(private_port=int(number), type=proto))
        for binding in bindings or ():
            public = int(binding.host_port or 0)
            shown.append(
                Port(ip=binding.host_ip, private_port=int(number), public_port=public, type=proto)
            )
    return shown


def with_sizes(view: Summary, size_rw: int, size_root: int) -> Summary:
    return msgspec.structs.replace(view, size_rw=size_rw, size_root_fs=size_root)
